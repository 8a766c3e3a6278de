from pathlib import Path
from typing import Any

import pytest

from connectors.definition import OpenMetadataConnection
from connectors.errors import ConfigurationError
from connectors.openmetadata.token import LONGEST_TOKEN, Token


def token_of(text: str, folder: Path | None = None, **settings: Any) -> Token:
    raw = {"hostPort": "http://om/api", "securityConfig": {"jwtToken": text}, **settings}
    return Token(OpenMetadataConnection.model_validate(raw), folder)


def test_is_the_text_itself() -> None:
    token = token_of(" ey.JJ.x \n")
    assert (token.text, token.file) == ("ey.JJ.x", None)
    assert not token.renewed("ey.JJ.x")


def test_is_read_from_an_existing_file_and_read_again_when_refused(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old\n", encoding="utf-8")
    token = token_of(str(file))
    assert token.text == "old"
    assert not token.renewed("old")
    file.write_text("new\n", encoding="utf-8")
    assert token.text == "old"
    assert token.renewed("old")
    assert token.text == "new"
    assert token.renewed("old"), "another thread was refused with the old one"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a\x00b", b"", b"two words"])
def test_outlives_a_file_that_is_overwritten_with_something_else(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "token"
    file.write_text("old", encoding="utf-8")
    token = token_of(str(file))
    file.write_bytes(content)
    assert not token.renewed("old")
    assert token.text == "old"


def test_outlives_its_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old", encoding="utf-8")
    token = token_of(str(file))
    file.unlink()
    assert not token.renewed("old")


@pytest.mark.parametrize("content", ["", "two words", "x" * (LONGEST_TOKEN + 1), "-----BEGIN KEY-----\nabc"])
def test_refuses_a_file_that_holds_no_token(tmp_path: Path, content: str) -> None:
    file = tmp_path / "token"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"securityConfig.jwtToken: the file .* does not hold a token"):
        token_of(str(file))


@pytest.mark.parametrize("text", ["tök", "a\nb"])
def test_refuses_what_no_header_can_carry(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a token"):
        token_of(text)


@pytest.mark.parametrize("text", ["e" * 10_000, "e" * 1_000, "no/such/file", "~nobody-of-this-name/token"])
def test_takes_for_a_token_what_is_no_file(text: str) -> None:
    assert token_of(text).text == text


@pytest.mark.parametrize("text", ["/no/such/file", "./no-such-file", "../no-such-file", "~/no-such-file"])
def test_refuses_a_path_that_leads_nowhere(text: str) -> None:
    with pytest.raises(ConfigurationError, match="names a file that is not there"):
        token_of(text)


def test_sends_none_where_none_is_wanted() -> None:
    assert token_of("x", authProvider="no-auth").text == ""


def test_a_file_of_the_folder_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "bot").write_text("abc", encoding="utf-8")
    assert token_of("bot", tmp_path).text == "abc"
    assert token_of(str(tmp_path / "bot"), tmp_path).text == "abc"
    assert token_of("ey.JJ.x", tmp_path).text == "ey.JJ.x"


@pytest.mark.parametrize("name", ["{folder}/../secret.key", "../secret.key", "{outside}", "/etc/hostname", "link"])
def test_no_other_file_is_read_where_there_is_a_folder(tmp_path: Path, name: str) -> None:
    outside, folder = tmp_path / "secret.key", tmp_path / "tokens"
    outside.write_text("the-master-key", encoding="utf-8")
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    with pytest.raises(ConfigurationError, match="names a file outside of"):
        token_of(name.format(folder=folder, outside=outside), folder)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("name", ["{folder}/circle", "./a\0b"])
def test_a_path_that_can_be_nobodys_names_its_key(tmp_path: Path, name: str, inside: bool) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(ConfigurationError, match=r"jwtToken: names a file that is not there"):
        token_of(name.format(folder=tmp_path), tmp_path if inside else None)
