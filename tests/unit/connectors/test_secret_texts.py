"""Where the secrets of a definition stand."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SecretStr

from connectors.definition import Model, WorkflowDefinition, parse
from connectors.secret_texts import Path, secret_paths
from tests.unit.connectors.test_definition import DEFINITION, changed


class Login(Model):
    """A way to log in."""

    user_name: str = ""
    pass_word: SecretStr | None = None
    keys: tuple[SecretStr, ...] = ()


class Connection(Model):
    """A connection with secrets in several depths."""

    login: Login = Login()
    logins: tuple[Login, ...] = ()
    headers: dict[str, SecretStr] = Field(default_factory=dict[str, SecretStr])
    options: dict[str, Any] = Field(default_factory=dict[str, Any])
    token_hint: str = ""


def found(raw: object) -> set[Path]:
    return set(secret_paths(parse(Connection, raw)))


FOUND: list[tuple[dict[str, Any], set[Path]]] = [
    ({}, set()),
    ({"login": {"userName": "secret"}}, set()),
    ({"login": {"passWord": "x"}}, {("login", "passWord")}),
    ({"login": {"passWord": None}}, set()),
    ({"login": {"passWord": "secret:name"}}, {("login", "passWord")}),
    ({"login": {"keys": ["a", "b"]}}, {("login", "keys", 0), ("login", "keys", 1)}),
    ({"logins": [{}, {"passWord": "x"}]}, {("logins", 1, "passWord")}),
    ({"headers": {"X-One": "1", "X-Two": "2"}}, {("headers", "X-One"), ("headers", "X-Two")}),
    ({"tokenHint": "plain by its model"}, set()),
    ({"options": {"sslpassword": "x", "sslmode": "require"}}, {("options", "sslpassword")}),
    ({"options": {"a": [{"privateKey": "x"}]}}, {("options", "a", 0, "privateKey")}),
    ({"options": {"password": {"nested": "x", "token": "y"}}}, {("options", "password", "token")}),
    ({"options": {"password": 5, "enableToken": True, "secret": None}}, set()),
]


@pytest.mark.parametrize(("raw", "paths"), FOUND)
def test_exactly_the_secrets_are_found(raw: object, paths: set[Path]) -> None:
    assert found(raw) == paths


NAMES = [
    "password",
    "Passwd",
    "sslPassphrase",
    "clientSecret",
    "accessToken",
    "private_key",
    "privateKey",
    "apiKey",
    "API_KEY",
]
OTHERS = ["username", "passport", "key", "tok", "hostPort", "sslmode", "author"]


@pytest.mark.parametrize("name", [*NAMES, "Authorization", "awsSecretAccessKey", "snowflakePrivatekeyPassphrase"])
def test_in_what_has_no_model_the_name_of_a_key_decides(name: str) -> None:
    assert found({"options": {name: "x"}}) == {("options", name)}


@pytest.mark.parametrize("name", OTHERS)
def test_other_names_are_none(name: str) -> None:
    assert found({"options": {name: "x"}}) == set()


def test_the_definition_itself() -> None:
    raw = changed("workflowConfig.openMetadataServerConfig.sslConfig", {"sslKey": "k", "caCertificate": "c"})
    raw["workflowConfig"]["openMetadataServerConfig"]["extraHeaders"] = {"X-Tenant": "a"}
    below = ("workflowConfig", "openMetadataServerConfig")
    assert set(secret_paths(parse(WorkflowDefinition, raw))) == {
        (*below, "securityConfig", "jwtToken"),
        (*below, "sslConfig", "sslKey"),
        (*below, "sslConfig", "caCertificate"),
        (*below, "extraHeaders", "X-Tenant"),
    }


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*NAMES, *OTHERS]), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*NAMES, *OTHERS]), VALUES, max_size=4))
def test_every_path_leads_to_a_text_of_the_definition(options: dict[str, object]) -> None:
    raw: dict[str, Any] = {"options": options}
    for path in found(raw):
        value: Any = raw
        for key in path:
            value = value[key]
        assert isinstance(value, str)


def test_paths_are_those_of_the_users_own_keys() -> None:
    for path in secret_paths(parse(WorkflowDefinition, DEFINITION)):
        value: Any = DEFINITION
        for key in path:
            value = value[key]
        assert value == "a.jwt.token"
