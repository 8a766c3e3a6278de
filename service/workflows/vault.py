"""Literal secrets of definitions, encrypted where they stand."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import JsonValue

from service.errors import WHOLE, Invalid, Problem
from service.references import REFERENCE, REFERENCE_PREFIX
from service.workflows.documents import Json, Path, dotted, replaced, value_at

MASK = "**********"
SEALED = "$sealed"

_NO_KEY = (
    "is a secret written out, and there is no key to store it under: set HEADWATER_SECRET_KEY, or keep the value "
    "elsewhere and write secret:<name> here"
)
_OTHER_KEY = "was sealed with a key that HEADWATER_SECRET_KEY does not have: add that key to it, or set the value anew"
_NO_REFERENCE = (
    "begins like a reference and is none: write secret:<name>, where the name has letters, digits, '.', '_' and '-'; "
    "put a value that really begins like this under a name and refer to that"
)
_NOTHING_MASKED = f"{MASK} means unchanged, but no secret is stored here: write it out"


class Vault:
    """Seals with the first of its keys and opens with any; without keys it can only leave things as they are."""

    def __init__(self, keys: Sequence[str] = ()) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys]) if keys else None

    def seal(self, config: Mapping[str, JsonValue], paths: Iterable[Path]) -> Json:
        """`config` with what stands at each path encrypted, but for references and what is sealed or absent.

        Raises Invalid with every path that holds a literal if there is no key, or half a reference.
        """
        given = {path: value_at(dict(config), path) for path in dict.fromkeys(paths)}
        broken = [path for path, value in given.items() if _is_broken_reference(value)]
        if broken:
            raise Invalid(Problem(dotted(path), _NO_REFERENCE) for path in broken)
        literal = [path for path, value in given.items() if _is_literal(value)]
        if self._fernet is None and literal:
            raise Invalid(Problem(dotted(path), _NO_KEY) for path in literal)
        sealed: JsonValue = dict(config)
        for path in literal:
            sealed = replaced(sealed, path, {SEALED: self.encrypt(json.dumps(value_at(sealed, path))).decode()})
        return cast("Json", sealed)

    def open(self, config: Mapping[str, JsonValue]) -> Json:
        """`config` with its sealed values in plain text. Raises Invalid with every path whose key is not here."""
        return self.unseal(config)[0]

    def unseal(self, config: Mapping[str, JsonValue]) -> tuple[Json, list[str]]:
        """The same and the values themselves, as texts, for whoever has to keep them out of sight."""
        problems: list[Problem] = []
        values: list[str] = []
        opened: JsonValue = dict(config)
        for path, token in _sealed(config.items(), ()):
            try:
                value = json.loads(self.decrypt(token.encode()))
            except Invalid:
                problems.append(Problem(dotted(path), _OTHER_KEY))
            else:
                opened = replaced(opened, path, value)
                values.append(str(value))
        if problems:
            raise Invalid(problems)
        return cast("Json", opened), values

    def reseal(self, config: Mapping[str, JsonValue]) -> Json:
        """`config` with its sealed values under the first key, so that older keys can be dropped."""
        return self.seal(self.open(config), sealed_paths(config))

    def encrypt(self, text: str) -> bytes:
        """The text under the first key. Raises Invalid if there is none."""
        if self._fernet is None:
            raise _unusable(_NO_KEY)
        return self._fernet.encrypt(text.encode())

    def decrypt(self, ciphertext: bytes) -> str:
        """What `encrypt` was given. Raises Invalid if none of the keys opens it."""
        if self._fernet is None:
            raise _unusable(_OTHER_KEY)
        try:
            return self._fernet.decrypt(ciphertext).decode()
        except InvalidToken as error:
            raise _unusable(_OTHER_KEY) from error


def mask(config: Mapping[str, JsonValue]) -> Json:
    """`config` as it may be shown: sealed values hidden, references visible."""
    return cast("Json", _masked(dict(config)))


def merge_masked(new: Mapping[str, JsonValue], old: Mapping[str, JsonValue]) -> Json:
    """`new` with each mask replaced by the sealed value that `old` has at the same path.

    Raises Invalid with every path where a mask stands for nothing, or where somebody wrote a sealed value.
    """
    problems: list[Problem] = []
    merged = _unmasked(dict(new), dict(old), (), problems)
    if problems:
        raise Invalid(problems)
    return cast("Json", merged)


def refers_to_secrets(value: JsonValue) -> bool:
    """Whether a reference to a secret stands anywhere in a document."""
    if isinstance(value, dict):
        return any(map(refers_to_secrets, value.values()))
    if isinstance(value, list):
        return any(map(refers_to_secrets, value))
    return isinstance(value, str) and value.startswith(REFERENCE_PREFIX)


def sealed_paths(config: Mapping[str, JsonValue]) -> tuple[Path, ...]:
    """Where the sealed values stand."""
    return tuple(path for path, _ in _sealed(config.items(), ()))


def _unusable(reason: str) -> Invalid:
    return Invalid.at(WHOLE, f"the value {reason}")


def _token(value: JsonValue) -> str | None:
    if isinstance(value, dict) and len(value) == 1:
        token = value.get(SEALED)
        return token if isinstance(token, str) else None
    return None


def _is_literal(value: JsonValue) -> bool:
    if isinstance(value, str):
        return value != "" and not REFERENCE.fullmatch(value)
    return value is not None and _token(value) is None


def _is_broken_reference(value: JsonValue) -> bool:
    return isinstance(value, str) and value.startswith(REFERENCE_PREFIX) and not REFERENCE.fullmatch(value)


def _masked(value: JsonValue) -> JsonValue:
    if _token(value) is not None:
        return MASK
    if isinstance(value, dict):
        return {key: _masked(item) for key, item in value.items()}
    return [_masked(item) for item in value] if isinstance(value, list) else value


def _unmasked(new: JsonValue, old: JsonValue, path: Path, problems: list[Problem]) -> JsonValue:
    if new == MASK:
        if _token(old) is None:
            problems.append(Problem(dotted(path), _NOTHING_MASKED))
        return old
    if isinstance(new, dict):
        if SEALED in new:
            problems.append(Problem(dotted(path), f"the key {SEALED} is reserved"))
        return {key: _unmasked(item, value_at(old, (key,)), (*path, key), problems) for key, item in new.items()}
    if isinstance(new, list):
        return [_unmasked(item, value_at(old, (at,)), (*path, at), problems) for at, item in enumerate(new)]
    return new


def _sealed(items: Iterable[tuple[str | int, JsonValue]], path: Path) -> Iterator[tuple[Path, str]]:
    for key, item in items:
        if isinstance(item, dict):
            token = _token(item)
            if token is None:
                yield from _sealed(item.items(), (*path, key))
            else:
                yield (*path, key), token
        elif isinstance(item, list):
            yield from _sealed(enumerate(item), (*path, key))
