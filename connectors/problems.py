"""What pydantic finds wrong, in the words of what people wrote."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, cast

from pydantic import ValidationError

from connectors.errors import Problem, shortened

Path = tuple[str | int, ...]
OBJECT = "must be an object of keys and values"
TEXT = "must be a text; put it in quotes"
LIST = "must be a list, also of one: write it in brackets, like [public]"
TRUTH = "must be true or false"
WHOLE_NUMBER = "must be a whole number"
NUMBER = "must be a number"
INSTANT = "must be an instant with its offset from UTC, like 2026-01-31T02:00:00Z"
UUID = "must be a UUID, like 2b28b4f5-c5a0-4c31-b064-4b09304998f9"
UNKNOWN_KEY = "is not a known key; correct or remove it"
VALUE = "Value"  # as pydantic calls what is neither a text nor a collection
EMPTY = "is empty; give it a value"
# Of every kind of fault that the models of definitions, policies, schedules and queries can have, by pydantic's names;
# what stands in braces is what pydantic tells of the model.
WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "missing": "is required",
        "extra_forbidden": UNKNOWN_KEY,
        "model_type": OBJECT,
        "model_attributes_type": OBJECT,
        "dict_type": OBJECT,
        "mapping_type": OBJECT,
        "invalid_key": "has a key that is no text; put its keys in quotes",
        "list_type": LIST,
        "tuple_type": LIST,
        "set_type": LIST,
        "frozen_set_type": LIST,
        "too_short": "must have at least {min_length} items",
        "too_long": "must have at most {max_length} items",
        "string_type": TEXT,
        "string_unicode": "is a text with half of a surrogate pair; write the whole character",
        "string_too_short": "must have at least {min_length} characters",
        "string_too_long": "must have at most {max_length} characters",
        "string_pattern_mismatch": "must match the regular expression {pattern}",
        "bool_type": TRUTH,
        "bool_parsing": TRUTH,
        "int_type": WHOLE_NUMBER,
        "int_parsing": WHOLE_NUMBER,
        "int_from_float": WHOLE_NUMBER,
        "int_parsing_size": "has too many digits",
        "float_type": NUMBER,
        "float_parsing": NUMBER,
        "finite_number": "must be a finite number",
        "greater_than": "must be more than {gt}",
        "greater_than_equal": "must be at least {ge}",
        "less_than": "must be less than {lt}",
        "less_than_equal": "must be at most {le}",
        "enum": "must be {expected}",
        "literal_error": "must be {expected}",
        "none_required": "must be null or be left out",
        "union_tag_invalid": "has a {discriminator} that must be {expected_tags}",
        "union_tag_not_found": "needs the key {discriminator}",
        "datetime_type": INSTANT,
        "datetime_parsing": INSTANT,
        "datetime_from_date_parsing": INSTANT,
        "datetime_object_invalid": INSTANT,
        "timezone_aware": INSTANT,
        "uuid_type": UUID,
        "uuid_parsing": UUID,
        "uuid_version": UUID,
        "value_error": "{error}",
        "assertion_error": "{error}",
    }
)

# By pydantic's names for what a value may be where it may be several.
SCALARS: Final[Mapping[str, str]] = MappingProxyType(
    {"str": "a text", "int": "a whole number", "float": "a number", "bool": "true or false"}
)
NOWHERE: Final[Mapping[str, str]] = MappingProxyType({})
# In characters: of any text of a connection, and of those that hold certificates, keys or statements.
LONGEST, LONGEST_DOCUMENT = 65_536, 1_048_576
DOCUMENT_KEY = re.compile(r"certificate|cert|pem|key|credential|sql|query|statement|json", re.IGNORECASE)


def problems_of(
    error: ValidationError, given: object = None, prefix: str = "", elsewhere: Mapping[str, str] = NOWHERE
) -> Iterator[Problem]:
    """The paths of the user's own keys in `given`, and sentences; of unknown keys at the top those of `elsewhere`.

    Of what may be written in several ways, those of the way that knows most of the keys which were written.
    """
    faults = [(_way(fault["loc"], given), fault) for fault in error.errors(include_url=False, include_input=False)]
    unknown = Counter(way for way, fault in faults if way and fault["type"] == "extra_forbidden")
    nearest: dict[Path, Path] = {}
    for way, _ in faults:
        if way and unknown[way] < unknown[nearest.setdefault(way[:-1], way)]:
            nearest[way[:-1]] = way
    near = [
        ((*way[:-1], *fault["loc"][len(way) :]), fault) for way, fault in faults if not way or nearest[way[:-1]] == way
    ]
    scalars: dict[Path, list[str]] = {}
    for keys, fault in near:
        if fault["type"] != "missing" and _is_scalar(keys, given):
            scalars.setdefault(keys[:-1], []).append(str(keys[-1]))
    for keys, fault in near:
        kinds = scalars.get(keys[:-1], [])
        if len(kinds) > 1 and keys[-1] in kinds:
            if keys[-1] == kinds[0]:
                yield Problem(_dotted(prefix, keys[:-1]), _one_of(kinds))
            continue
        path = _dotted(prefix, keys)
        moved = elsewhere.get(str(keys[0])) if len(keys) == 1 and fault["type"] == "extra_forbidden" else None
        yield Problem(path, moved or sentence(fault["type"], fault["msg"], fault.get("ctx")))


def too_long(value: object, path: str) -> Iterator[Problem]:
    """The texts in a connection that are longer than any of them can mean."""
    if isinstance(value, str):
        longest = LONGEST_DOCUMENT if DOCUMENT_KEY.search(_last_name(path)) else LONGEST
        if len(value) > longest:
            yield Problem(path, f"has {len(value)} characters; write at most {longest}")
    elif isinstance(value, Mapping):
        for key, item in cast("Mapping[object, object]", value).items():
            yield from too_long(item, f"{path}.{shortened(str(key))}".removeprefix("."))
    elif isinstance(value, list | tuple):
        for place, item in enumerate(cast("Sequence[object]", value)):
            yield from too_long(item, f"{path}.{place}".removeprefix("."))


def _last_name(path: str) -> str:
    """The last part of a path that is no place in a list."""
    return next((part for part in reversed(path.split(".")) if not part.isdecimal()), "")


def _dotted(prefix: str, keys: Path) -> str:
    return ".".join(part for part in (prefix, *(shortened(str(key)) for key in keys)) if part)


def _one_of(kinds: Sequence[str]) -> str:
    """What a value must be that may be of any of these SCALARS."""
    wider = {"int"} if "float" in kinds else set[str]()
    *first, last = (words for kind, words in SCALARS.items() if kind in kinds and kind not in wider)
    return f"must be {', '.join(first)}{',' * (len(first) > 1)}{' or ' if first else ''}{last}"


def _way(path: Path, given: object) -> Path:
    """The path up to the model that pydantic tried, which is no key; empty where there was only one."""
    place = _keys_in(path, given)
    part = path[place] if place < len(path) else None
    return path[: place + 1] if isinstance(part, str) and part[:1].isupper() else ()


def _is_scalar(path: Path, given: object) -> bool:
    """Whether the last part of a path is none of the user's keys, but what pydantic tried a value as."""
    return bool(path) and path[-1] in SCALARS and _keys_in(path, given) == len(path) - 1


def _keys_in(path: Path, given: object) -> int:
    """How many parts of a path are keys and places in what was given."""
    here = given
    for place, part in enumerate(path):
        if isinstance(here, Mapping) and part in here:
            here = cast("Mapping[object, object]", here)[part]
        elif isinstance(here, list | tuple) and isinstance(part, int):
            here = cast("Sequence[object]", here)[part]
        else:
            return place
    return len(path)


def sentence(kind: str, message: str, context: Mapping[str, object] | None = None) -> str:
    """How to mend a fault of this `kind`, whose `message` and `context` are pydantic's.

    A kind that only the models of third parties have is told in pydantic's words.
    """
    known = context or {}
    if kind.endswith("too_short") and known.get("min_length") == 1:
        return EMPTY
    if known.get("field_type") == VALUE:
        kind = f"string_{kind}"
    try:
        return WORDS[kind].format_map(known)
    except KeyError:
        return message.removeprefix("Value error, ")
