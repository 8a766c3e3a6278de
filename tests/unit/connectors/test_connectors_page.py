import pytest

from connectors import registry
from tests.connectors_page import PAGE, own_names, page


def test_the_page_says_what_the_connectors_declare() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.connectors_page"


@pytest.mark.parametrize("name", own_names())
def test_each_says_on_what_it_was_tested(name: str) -> None:
    assert registry.get(name).tested
