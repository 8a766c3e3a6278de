"""What all inputs and answers share: camelCase, strict inputs, cursor paging."""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar, cast

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    JsonValue,
    Strict,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails

from connectors.problems import sentence
from service.errors import Invalid, Problem
from service.workflows.documents import UNSTORABLE, dotted, is_storable

MAX_INTEGER = 2**63 - 1

T = TypeVar("T")
RowT = TypeVar("RowT")
ModelT = TypeVar("ModelT", bound=BaseModel)


def _an_instant(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    """Pydantic takes a number, also in a text, for seconds since 1970, which nobody means who writes 20260131."""
    if isinstance(value, datetime) or (isinstance(value, str) and not _is_a_number(value)):
        try:
            return validate(value)
        except ValidationError:
            pass
    message = "must be an instant with its offset from UTC, like 2026-01-31T02:00:00Z"
    raise ValueError(message)


def _is_a_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _in_utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        message = "is out of range"
        raise ValueError(message) from error


def _storable(text: str) -> str:
    if not is_storable(text):
        message = f"is a text {UNSTORABLE}"
        raise ValueError(message)
    return text


Storable = AfterValidator(_storable)
# As documents have them; pydantic would also take "yes" or 1 for true, and true for 1.
Boolean = Annotated[bool, Strict()]
Integer = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
ZonedInstant = Annotated[AwareDatetime, WrapValidator(_an_instant)]
Instant = Annotated[ZonedInstant, AfterValidator(_in_utc)]


class Input(BaseModel):
    """Base of what people send: unknown fields are refused, and errors never repeat a value."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        serialize_by_alias=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )


class Output(BaseModel):
    """Base of what the service answers."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True, frozen=True)


def validated(model: type[ModelT], document: Mapping[str, JsonValue]) -> ModelT:
    """The document as a model. Raises Invalid with the path of every fault."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise Invalid(problems_of(error.errors())) from None


def problems_of(faults: Iterable[ErrorDetails]) -> list[Problem]:
    """What pydantic found, as people read it: without the kind of schedule that it tried, which is no field."""
    problems: list[Problem] = []
    for fault in faults:
        path = tuple(part for at, part in enumerate(fault["loc"]) if at == 0 or fault["loc"][at - 1] != "schedule")
        problems.append(Problem(dotted(path), sentence(fault["type"], fault["msg"], fault.get("ctx"))))
    return problems


class Page(Output, Generic[T]):
    """One page of a list; `next_cursor` asks for the one after it and is null on the last."""

    data: list[T]
    next_cursor: str | None = None


def page_of(rows: Sequence[RowT], limit: int, read: Callable[[RowT], T], cursor: Callable[[RowT], str]) -> Page[T]:
    """The first `limit` of the rows as a page; a row beyond them means that there is more."""
    kept = rows[:limit]
    return Page(data=[read(row) for row in kept], next_cursor=cursor(kept[-1]) if len(rows) > limit else None)


def encode_cursor(*parts: str) -> str:
    """The position after a row, as one opaque word."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decode_cursor(cursor: str, length: int) -> tuple[str, ...]:
    """The parts of a position. Raises Invalid for anything that `encode_cursor` did not make."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        decoded = cast("object", json.loads(base64.b64decode(padded, altchars=b"-_", validate=True)))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _not_a_cursor() from error
    parts = cast("list[object]", decoded) if isinstance(decoded, list) else []
    words = tuple(part for part in parts if isinstance(part, str) and is_storable(part))
    if len(words) != length or len(parts) != length:
        raise _not_a_cursor()
    return words


def decode_cursor_as(cursor: str, *readers: Callable[[str], T]) -> tuple[T, ...]:
    """The parts of a position, each read by its own reader. Raises Invalid where one cannot."""
    parts = decode_cursor(cursor, len(readers))
    try:
        return tuple(reader(part) for reader, part in zip(readers, parts, strict=True))
    except (ValueError, OverflowError) as error:
        raise _not_a_cursor() from error


def read_integer(word: str) -> int:
    """The number of a row. Raises ValueError for what the database would not take as one."""
    number = int(word)
    if not 0 <= number <= MAX_INTEGER:
        message = f"{word!r} is out of range"
        raise ValueError(message)
    return number


def _not_a_cursor() -> Invalid:
    return Invalid.at("cursor", "is not a cursor of this list; start again without it")
