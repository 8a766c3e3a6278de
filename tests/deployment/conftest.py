"""The chart is rendered once for all that look at it."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process has all tests of a case of the matrix: what helm rendered is kept there."""
    for item in items:
        if isinstance(item, pytest.Function) and "case" in item.fixturenames and "tests/deployment/" in item.nodeid:
            item.add_marker(pytest.mark.xdist_group(f"chart, {item.callspec.params['case']}"))
