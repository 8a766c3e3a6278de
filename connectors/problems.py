"""What pydantic finds wrong, in the words of what people wrote."""

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
SECRET = "Value"  # as pydantic calls what is neither a text nor a collection
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


def problems_of(error: ValidationError, given: object = None, prefix: str = "") -> Iterator[Problem]:
    """The paths of the user's own keys in `given`, and sentences.

    Of what may be written in several ways, those of the way that knows most of the keys which were written.
    """
    faults = [(_way(fault["loc"], given), fault) for fault in error.errors(include_url=False, include_input=False)]
    unknown = Counter(way for way, fault in faults if way and fault["type"] == "extra_forbidden")
    nearest: dict[Path, Path] = {}
    for way, _ in faults:
        if way and unknown[way] < unknown[nearest.setdefault(way[:-1], way)]:
            nearest[way[:-1]] = way
    for way, fault in faults:
        keys = fault["loc"]
        if way:
            if nearest[way[:-1]] != way:
                continue
            keys = (*way[:-1], *keys[len(way) :])
        path = ".".join(part for part in (prefix, *(shortened(str(key)) for key in keys)) if part)
        yield Problem(path, sentence(fault["type"], fault["msg"], fault.get("ctx")))


def _way(path: Path, given: object) -> Path:
    """The path up to the model that pydantic tried, which is no key; empty where there was only one."""
    here = given
    for place, part in enumerate(path):
        if isinstance(here, Mapping) and part in here:
            here = cast("Mapping[object, object]", here)[part]
        elif isinstance(here, list | tuple) and isinstance(part, int):
            here = cast("Sequence[object]", here)[part]
        else:
            return path[: place + 1] if isinstance(part, str) and part[:1].isupper() else ()
    return ()


def sentence(kind: str, message: str, context: Mapping[str, object] | None = None) -> str:
    """How to mend a fault of this `kind`, whose `message` and `context` are pydantic's.

    A kind that only the models of third parties have is told in pydantic's words.
    """
    known = context or {}
    if kind.endswith("too_short") and known.get("min_length") == 1:
        return EMPTY
    if known.get("field_type") == SECRET:
        kind = f"string_{kind}"
    try:
        return WORDS[kind].format_map(known)
    except KeyError:
        return message.removeprefix("Value error, ")
