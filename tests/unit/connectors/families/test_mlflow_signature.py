"""What MLflow's files say of models, whatever stands in them."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ConnectorError
from connectors.families.mlflow.signature import features, flavor, read_file, read_history
from connectors.families.mlmodel import Version, described

COLUMNS = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["double", "string", "long", "any"]), "name": st.text(min_size=1)},
        optional={"required": st.booleans()},
    )
)


@given(COLUMNS)
def test_inputs_written_are_inputs_read(columns: list[dict[str, object]]) -> None:
    text = json.dumps({"flavors": {"python_function": {}, "sklearn": {}}, "signature": {"inputs": json.dumps(columns)}})
    document = read_file(text)
    assert [found.name for found in features(document)] == [column["name"] for column in columns]
    assert flavor(document) == "sklearn"


@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_anything_else_is_no_crash(content: object) -> None:
    history = read_history(json.dumps(content), "model")
    documents = [{"signature": content, "flavors": content}, {"signature": {"inputs": content}}, history or {}]
    for document in documents:
        flavor(document)
        with suppress(ConnectorError):
            features(document)


@pytest.mark.parametrize("text", ["a: [b", "- a", "7", "", "&a [*a]"])
def test_a_file_that_is_none_is_an_error(text: str) -> None:
    with pytest.raises(ConnectorError, match="its file MLmodel is"):
        read_file(text)


def test_versions_are_a_table_below_the_description() -> None:
    versions = (Version("2", ("a|b",), "READY", (("auc", "0.9"),)), Version("1"))
    assert described("Who\nleaves.", versions) == (
        "Who\nleaves.\n\n| version | labels | status | metrics |\n|---|---|---|---|\n"
        "| 2 | a\\|b | READY | auc 0.9 |\n| 1 |  |  |  |"
    )
    assert (described("", ()), described(None, versions[1:])) == (
        None,
        "| version | labels | status | metrics |\n|---|---|---|---|\n| 1 |  |  |  |",
    )
