import json
from typing import Any

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from service.errors import Invalid
from service.workflows.documents import Json, Path, value_at
from service.workflows.vault import MASK, SEALED, Vault, mask, merge_masked, sealed_paths

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
PATHS: tuple[Path, ...] = (("source", "password"), ("servers", 1, "token"))
CONFIG: Json = {
    "source": {"password": "hunter2", "user": "reader"},
    "servers": [{"token": "secret:t"}, {"token": "deep"}],
}


def paths_of(error: Invalid) -> list[str]:
    return [problem.path for problem in error.problems]


def test_sealed_values_cannot_be_read_and_open_again() -> None:
    vault = Vault([OLD])
    sealed = vault.seal(CONFIG, PATHS)
    assert "hunter2" not in json.dumps(sealed)
    assert "deep" not in json.dumps(sealed)
    assert value_at(sealed, ("source", "user")) == "reader"
    assert vault.open(sealed) == CONFIG
    assert sealed_paths(sealed) == PATHS


@given(st.recursive(st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, min_size=1, max_size=3)))
def test_whatever_stands_at_a_secret_path_is_hidden(value: JsonValue) -> None:
    vault = Vault([OLD])
    sealed = vault.seal({"key": value}, [("key",)])
    assert vault.open(sealed) == {"key": value}
    if value != "" and not (isinstance(value, str) and value.startswith("secret:")):
        assert mask(sealed) == {"key": MASK}


DOCUMENTS = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        st.booleans() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
        max_leaves=10,
    ),
)


def texts(value: JsonValue, path: Path = ()) -> list[Path]:
    """Where texts stand that can be sealed."""
    if isinstance(value, dict):
        return [found for key, item in value.items() for found in texts(item, (*path, key))]
    if isinstance(value, list):
        return [found for at, item in enumerate(value) for found in texts(item, (*path, at))]
    return [path] if isinstance(value, str) and value and not value.startswith("secret:") else []


@given(DOCUMENTS, st.data())
def test_what_is_opened_is_told_with_each_value(config: Json, data: st.DataObject) -> None:
    found = texts(config)
    paths = [path for path in found if data.draw(st.booleans())]
    vault = Vault([OLD])
    sealed = vault.seal(config, paths)
    assert sealed_paths(sealed) == tuple(paths)
    assert vault.unseal(sealed) == (config, [value_at(config, path) for path in paths])


def test_references_sealed_absent_and_empty_values_stay() -> None:
    vault = Vault([OLD])
    once = vault.seal(CONFIG, PATHS)
    assert vault.seal(once, PATHS) == once
    assert vault.seal(CONFIG, [("servers", 0, "token"), ("no", "where"), ("source", 0)]) == CONFIG
    assert vault.seal({"key": "", "none": None}, [("key",), ("none",)]) == {"key": "", "none": None}


def test_arguments_are_not_changed() -> None:
    before = json.dumps(CONFIG)
    sealed = Vault([OLD]).seal(CONFIG, PATHS)
    mask(sealed)
    merge_masked(mask(sealed), sealed)
    assert json.dumps(CONFIG) == before


def test_without_a_key_every_literal_is_named_with_the_two_ways_out() -> None:
    with pytest.raises(Invalid) as caught:
        Vault().seal(CONFIG, [*PATHS, ("servers", 0, "token")])
    assert paths_of(caught.value) == ["source.password", "servers.1.token"]
    assert "HEADWATER_SECRET_KEY" in caught.value.message
    assert "secret:<name>" in caught.value.message


def test_without_a_key_references_are_fine() -> None:
    config: Json = {"key": "secret:shop-pg"}
    assert Vault().seal(config, [("key",)]) == config
    assert Vault().open(config) == config


def test_keys_rotate() -> None:
    sealed = Vault([OLD]).seal(CONFIG, PATHS)
    both = Vault([NEW, OLD])
    assert both.open(sealed) == CONFIG
    resealed = both.reseal(sealed)
    assert Vault([NEW]).open(resealed) == CONFIG
    assert sealed_paths(resealed) == PATHS


@pytest.mark.parametrize("vault", [Vault(), Vault([NEW])])
def test_values_of_a_lost_key_are_named(vault: Vault) -> None:
    sealed = Vault([OLD]).seal(CONFIG, PATHS)
    with pytest.raises(Invalid) as caught:
        vault.open(sealed)
    assert paths_of(caught.value) == ["source.password", "servers.1.token"]
    with pytest.raises(Invalid):
        vault.decrypt(Vault([OLD]).encrypt("x"))


@pytest.mark.parametrize("text", ["secret:", "secret:pa ss", "secret:../key", "secret:" + "x" * 129])
def test_half_a_reference_is_neither_stored_nor_shown(text: str) -> None:
    with pytest.raises(Invalid, match="begins like a reference and is none") as caught:
        Vault([OLD]).seal({"key": text}, [("key",)])
    assert paths_of(caught.value) == ["key"]


def test_texts_are_encrypted_too() -> None:
    vault = Vault([OLD])
    assert vault.decrypt(vault.encrypt("päss")) == "päss"
    with pytest.raises(Invalid):
        Vault().encrypt("x")


def test_the_mask_shows_references_only() -> None:
    masked = mask(Vault([OLD]).seal(CONFIG, PATHS))
    assert masked == {
        "source": {"password": MASK, "user": "reader"},
        "servers": [{"token": "secret:t"}, {"token": MASK}],
    }


def test_a_mask_sent_back_means_unchanged() -> None:
    sealed = Vault([OLD]).seal(CONFIG, PATHS)
    assert merge_masked(mask(sealed), sealed) == sealed
    changed = merge_masked({"source": {"password": MASK, "user": "writer"}}, sealed)
    assert Vault([OLD]).open(changed) == {"source": {"password": "hunter2", "user": "writer"}}


@pytest.mark.parametrize(
    ("new", "path"),
    [
        ({"source": {"user": MASK}}, "source.user"),
        ({"other": [MASK]}, "other.0"),
        ({"servers": [{"token": MASK}]}, "servers.0.token"),
        ({"source": {"password": {SEALED: "gAAAA"}}}, "source.password"),
        ({SEALED: 1}, ""),
    ],
)
def test_a_mask_for_nothing_and_a_forged_seal_are_named(new: dict[str, Any], path: str) -> None:
    with pytest.raises(Invalid) as caught:
        merge_masked(new, Vault([OLD]).seal(CONFIG, PATHS))
    assert paths_of(caught.value) == [path]
