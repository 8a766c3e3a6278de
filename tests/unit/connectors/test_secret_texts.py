"""Where the secrets of a definition stand."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, BaseModel, Field, SecretStr

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


class Place(Model):
    """A model of many kinds of fields, and of places like itself."""

    name: str | None = None
    kind: Literal["a", "b"] = "a"
    names: tuple[str, ...] = ()
    sizes: list[int | None] = Field(default_factory=list[int | None])
    plain: int | str | tuple[float | bool, ...] = 0
    checked: Annotated[str, AfterValidator(str.strip)] | None = None
    sealed: Annotated[str, AfterValidator(SecretStr)] = ""
    uri: SecretStr | str = ""
    texts: tuple[SecretStr | str, ...] = ()
    logins: tuple[Login, ...] | None = None
    labels: dict[str, str | int] = Field(default_factory=dict[str, str | int])
    free: Any = None
    places: "tuple[Place, ...]" = ()
    named: "dict[str, Place]" = Field(default_factory=dict[str, "Place"])


def everywhere(value: object, path: Path = (), of_no_model: bool = False) -> Iterator[Path]:
    """The same as `secret_paths`, by looking at every value whatever it is declared as."""
    if isinstance(value, SecretStr) or (
        of_no_model and isinstance(value, str) and re.search("(?i)password|secret", str(path[-1]))
    ):
        yield path
    elif isinstance(value, BaseModel):
        for name, info in type(value).model_fields.items():
            yield from everywhere(getattr(value, name), (*path, info.alias or name))
    elif isinstance(value, Mapping):
        for key, item in cast("Mapping[str, object]", value).items():
            yield from everywhere(item, (*path, key), of_no_model=True)
    elif isinstance(value, list | tuple):
        for at, item in enumerate(cast("list[object]", value)):
            yield from everywhere(item, (*path, at))


TEXTS = st.sampled_from(["", "x", "y"])
KEYS = st.sampled_from(["password", "secret", "user", "host"])
LOGINS = st.fixed_dictionaries({}, optional={"userName": TEXTS, "passWord": TEXTS, "keys": st.lists(TEXTS, max_size=2)})
FREE = st.recursive(
    st.none() | st.booleans() | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=2),
    max_leaves=5,
)
FLAT: dict[Any, st.SearchStrategy[Any]] = {
    "name": st.none() | TEXTS,
    "names": st.lists(TEXTS, max_size=2),
    "sizes": st.lists(st.none() | st.integers(0, 9), max_size=2),
    "plain": TEXTS | st.integers(0, 9) | st.lists(st.booleans(), max_size=2),
    "checked": TEXTS,
    "sealed": TEXTS,
    "uri": TEXTS,
    "texts": st.lists(TEXTS, max_size=2),
    "logins": st.none() | st.lists(LOGINS, max_size=2),
    "labels": st.dictionaries(KEYS, TEXTS | st.integers(0, 9), max_size=2),
    "free": FREE,
}
PLACES = st.recursive(
    st.fixed_dictionaries({}, optional=FLAT),
    lambda inner: st.fixed_dictionaries(
        {}, optional=FLAT | {"places": st.lists(inner, max_size=2), "named": st.dictionaries(KEYS, inner, max_size=2)}
    ),
    max_leaves=4,
)


@given(PLACES)
def test_no_secret_is_missed_whatever_its_field_is_declared_as(raw: dict[str, Any]) -> None:
    place = parse(Place, raw)
    assert list(secret_paths(place)) == list(everywhere(place))


@given(PLACES, st.data())
def test_what_lies_below_one_part_may_be_left_out(raw: dict[str, Any], data: st.DataObject) -> None:
    place = parse(Place, raw)
    found = list(secret_paths(place))
    whole = data.draw(st.sampled_from([*found, ("free",)]))
    part = whole[: data.draw(st.integers(1, max(1, len(whole) - 1)))]
    left = [path for path in found if path[: len(part)] != part or path == part]
    assert list(secret_paths(place, without=part)) == left


def test_paths_are_those_of_the_users_own_keys() -> None:
    for path in secret_paths(parse(WorkflowDefinition, DEFINITION)):
        value: Any = DEFINITION
        for key in path:
            value = value[key]
        assert value == "a.jwt.token"
