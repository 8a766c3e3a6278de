"""Which of the test processes does which tests, where it matters: what is dear to make is made in few of them."""

import zlib

import pytest


def one_of(processes: int, what: str, item: pytest.Item) -> pytest.MarkDecorator:
    """Leaves the test to one of so many processes: the same one whoever collects it."""
    return pytest.mark.xdist_group(f"{what} {zlib.crc32(item.nodeid.encode()) % processes}")


def whole_module(item: pytest.Item) -> pytest.MarkDecorator:
    """Leaves the tests of a module to one process."""
    return pytest.mark.xdist_group(item.nodeid.partition("::")[0])
