"""References to secrets: where they are looked for, and what they cannot reach."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from connectors.errors import ConfigurationError
from service.errors import Invalid, Problem
from service.execution.secrets import SecretResolver, variable_of

ENVIRON = {"HEADWATER_SECRET_PW": "from variable", "HEADWATER_SECRET_KEY": "master", "PATH": "/bin", "PW": "plain"}


def problem(resolver: SecretResolver, reference: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        resolver.resolve({"a": [{"b": reference}]}, [("a", 0, "b")])
    [found] = caught.value.problems
    assert found.path == "a.0.b"
    return found.message


def value(resolver: SecretResolver, reference: str) -> Any:
    resolved, _ = resolver.resolve({"value": reference}, [("value",)])
    return resolved["value"]


def test_the_first_place_that_has_it_counts(tmp_path: Path) -> None:
    stored = {"pw": "from table", "other": "too"}
    (tmp_path / "pw").write_text("from file\n")
    assert value(SecretResolver(tmp_path, ENVIRON, stored.get), "secret:pw") == "from file"
    assert value(SecretResolver(None, ENVIRON, stored.get), "secret:pw") == "from variable"
    assert value(SecretResolver(tmp_path, {}, stored.get), "secret:other") == "too"


def test_references_are_replaced_where_secrets_belong_and_nowhere_else() -> None:
    config: dict[str, Any] = {"a": ["secret:pw", 1, {"b": "secret:pw"}], "c": "my secret:pw", "database": "secret:pw"}
    paths = [("a", 0), ("a", 2, "b"), ("c",), ("absent", "too")]
    resolved, values = SecretResolver(None, ENVIRON).resolve(config, paths)
    assert resolved == config | {"a": ["from variable", 1, {"b": "from variable"}]}
    assert values == {"from variable"}
    assert config["a"][0] == "secret:pw"


def test_for_servers_only_the_secrets_of_the_setting_are_found() -> None:
    environ = {"HEADWATER_SECRET_OM_A": "a", "HEADWATER_SECRET_PW": "pw", "HEADWATER_SECRET_OM": "om"}
    resolver = SecretResolver(None, environ)
    some = resolver.for_servers(("om-*", "pw"))
    assert (value(some, "secret:om-a"), value(some, "secret:pw")) == ("a", "pw")
    message = "may name; add it to HEADWATER_OPENMETADATA_SECRETS, which has om-*, pw"
    for name in ("om", "OM-a", "pw2", "xom-a"):
        assert message in problem(some, f"secret:{name}")
    assert value(resolver.for_servers(("*",)), "secret:om") == "om"
    assert "may name" in problem(resolver.for_servers(("-",)), "secret:om")


def test_every_missing_secret_is_named_with_its_path() -> None:
    with pytest.raises(ConfigurationError) as caught:
        SecretResolver(None, {}).resolve({"a": "secret:x", "b": {"c": "secret:y"}}, [("a",), ("b", "c")])
    assert [each.path for each in caught.value.problems] == ["a", "b.c"]
    assert "there is no secret 'x'; provide it as the variable HEADWATER_SECRET_X" in str(caught.value)


@pytest.mark.parametrize("name", ["key", "KEY", "Key"])
def test_the_master_key_is_no_secret(name: str) -> None:
    assert "there is no secret" in problem(SecretResolver(None, ENVIRON), f"secret:{name}")
    assert "HEADWATER_SECRET_KEY" not in problem(SecretResolver(None, ENVIRON), f"secret:{name}")
    assert value(SecretResolver(None, ENVIRON, lambda _: "stored"), f"secret:{name}") == "stored"


@given(name=st.text(max_size=40))
@example(name="../outside")
@example(name="/etc/passwd")
@example(name="sub/../../outside")
@example(name="..")
@example(name=".hidden")
@example(name="")
@example(name="a\x00b")
@example(name="pw\n")
def test_no_other_file_and_no_other_variable_can_be_reached(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "secrets-of-test"
    folder.mkdir(exist_ok=True)
    for file in (folder.parent / "outside", folder / ".hidden"):
        file.write_text("LEAKED")
    environ = {"PATH": "LEAKED", "HEADWATER_SECRET_KEY": "LEAKED", "HEADWATER_DATABASE_URL": "LEAKED"}
    assert "LEAKED" not in problem(SecretResolver(folder, environ), f"secret:{name}")


def test_a_folder_and_a_binary_file_are_no_secrets(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    (tmp_path / "link").symlink_to(tmp_path / "..data" / "link")
    resolver = SecretResolver(tmp_path, {})
    assert "there is no secret 'folder'" in problem(resolver, "secret:folder")
    assert "which is not UTF-8 text" in problem(resolver, "secret:binary")
    assert "there is no secret 'link'" in problem(resolver, "secret:link")
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "link").write_text("as Kubernetes mounts them\r\n")
    assert value(resolver, "secret:link") == "as Kubernetes mounts them"


def test_a_stored_secret_under_another_key_is_told() -> None:
    def stored(_name: str) -> str:
        raise Invalid([Problem("", "was sealed with another key")])

    assert "cannot be used: was sealed with another key" in problem(SecretResolver(None, {}, stored), "secret:pw")


@pytest.mark.parametrize(("name", "variable"), [("om-bot", "OM_BOT"), ("a.b_C", "A_B_C"), ("1", "1")])
def test_the_variable_of_a_secret(name: str, variable: str) -> None:
    assert variable_of(name) == f"HEADWATER_SECRET_{variable}"
