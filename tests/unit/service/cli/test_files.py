"""Definitions in files."""

from pathlib import Path
from typing import Any

import pytest

from connectors.errors import ConfigurationError
from service.cli.files import definition_in, is_workflow, load


def written(folder: Path, text: str, name: str = "x.yaml") -> Path:
    file = folder / name
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    return file


@pytest.mark.parametrize(
    ("name", "text"), [("x.yaml", "a: [1, 'é']"), ("x.yml", "{a: [1, é]}"), ("x.json", '{"a": [1, "é"]}')]
)
def test_yaml_and_json(tmp_path: Path, name: str, text: str) -> None:
    assert load(written(tmp_path, text, name), {}) == {"a": [1, "é"]}


def test_variables_are_put_in_and_unknown_ones_stay(tmp_path: Path) -> None:
    file = written(tmp_path, "a: ${HOST}:$PORT\nb: $NOT_THERE\nc: 5$$\nd: pa$$word\ne: ^x$|${\nf: [x$, '${1}']")
    known = {"HOST": "db", "PORT": "1"}
    left = {"b": "$NOT_THERE", "c": "5$$", "d": "pa$$word", "e": "^x$|${", "f": ["x$", "${1}"]}
    assert load(file, known) == {"a": "db:1", **left}


@pytest.mark.parametrize("value", ['p$x"y: z', "a: b # c", "- x", "{", "'", "line\nbreak: 1", "&a *b", "!x", "<<", "="])
@pytest.mark.parametrize(
    ("name", "text"), [("x.yaml", "a: ${V}"), ("x.yaml", "a: '${V}'"), ("x.json", '{"a": "${V}"}')]
)
def test_no_value_of_a_variable_breaks_the_file(tmp_path: Path, name: str, text: str, value: str) -> None:
    assert load(written(tmp_path, text, name), {"V": value, "x": "never put in"}) == {"a": value}


def test_a_variable_without_quotes_can_be_a_number_and_one_in_quotes_is_a_text(tmp_path: Path) -> None:
    file = written(tmp_path, "a: ${N}\nb: '${N}'\nc: $B\nd: v${N}\ne: ${DAY}")
    known = {"N": "12345", "B": "true", "DAY": "2026-11-22"}
    assert load(file, known) == {"a": 12345, "b": "12345", "c": True, "d": "v12345", "e": "2026-11-22"}


def test_variables_may_stand_in_braces_and_keys(tmp_path: Path) -> None:
    file = written(tmp_path, "a: {b: ${V}, c: [$V, ${V}], $V: 1, $V$V: {$V: 2}}")
    assert load(file, {"V": "}: x"}) == {"a": {"b": "}: x", "c": ["}: x", "}: x"], "}: x": 1, "}: x}: x": {"}: x": 2}}}


@pytest.mark.parametrize(
    ("name", "text"),
    [("x.yaml", "$A: 1\n${B}: 2"), ("x.json", '{"$A": 1, "${B}": 2}'), ("x.json", '{"k": 1, "$A": 2}')],
)
def test_keys_that_variables_make_the_same_are_refused(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match="the key 'k' appears twice"):
        load(written(tmp_path, text, name), {"A": "k", "B": "k"})


@pytest.mark.parametrize("text", ['{"port": ${PORT}}', '{"ports": [1, $PORT]}', "{${PORT}: 1}"])
def test_a_variable_without_quotes_in_json_is_told_of(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"broken JSON at line 1.*in JSON a variable must stand in quotes"):
        load(written(tmp_path, text, "x.json"), {"PORT": "1"})


@pytest.mark.parametrize("name", ["x.yaml", "x.json"])
def test_words_of_the_files_own_stay(tmp_path: Path, name: str) -> None:
    file = written(tmp_path, '{"a": "\ue0005\ue001", "b": "\ue000' + "9" * 5000 + '\ue001", "c": "${V}"}', name)
    assert load(file, {"V": "x"}) == {"a": "\ue0005\ue001", "b": "\ue000" + "9" * 5000 + "\ue001", "c": "x"}


@pytest.mark.parametrize(
    ("name", "text"), [("x.yaml", "# ${OLD}\na: [${PW}, '${A:-b}']"), ("x.json", '{"a": ["${PW}", "${A:-b}"]}')]
)
def test_variables_that_are_not_set_are_named(tmp_path: Path, name: str, text: str) -> None:
    file = written(tmp_path, text, name)
    with pytest.raises(ConfigurationError) as caught:
        load(file, {"A": "x"})
    told = (
        "asks for ${PW}, ${A:-b}, and the environment has none of that name: set it, or, where it is meant literally,"
    )
    assert str(caught.value) == f"{file}: {told} put the whole text into a variable"
    assert load(file, {"A:-b": "x", "PW": "${PW}"}) == {"a": ["${PW}", "x"]}


def test_a_date_stays_what_was_written(tmp_path: Path) -> None:
    assert load(written(tmp_path, "a: 2026-11-22"), {}) == {"a": "2026-11-22"}


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("x.yaml", "a: [", "line"),
        ("x.yaml", "a: 1\na: 2", "a"),
        ("x.yaml", "- 1", "must be an object"),
        ("x.yaml", "", "the file is empty"),
        ("x.yaml", "a: \udcff", "is not UTF-8 text"),
        ("x.json", '{"a": ', "broken JSON at line 1, column 7: Expecting value"),
        ("x.json", "[" * 100_000, ""),
        ("x.txt", "a: 1", "has an unknown suffix; use .yaml, .yml, .json"),
    ],
)
def test_what_is_no_definition_is_told_with_the_file(tmp_path: Path, name: str, text: str, told: str) -> None:
    file = written(tmp_path, text, name)
    with pytest.raises(ConfigurationError) as caught:
        load(file, {})
    assert str(caught.value).startswith(f"{file}: ")
    assert told in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        load(tmp_path / "x.yaml", {})
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(ConfigurationError, match="directory"):
        load(tmp_path / "folder.yaml", {})


def test_workflows_and_bare_definitions() -> None:
    bare: dict[str, Any] = {"source": {"type": "postgres"}}
    workflow: dict[str, Any] = {"name": "w", "config": bare}
    assert (is_workflow(bare), is_workflow(workflow)) == (False, True)
    assert definition_in(bare) == definition_in(workflow) == bare
