"""Every fault that definitions and what surrounds them can have is told in words of our own, not pydantic's."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Literal, cast
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, SecretStr, Strict, StringConstraints, TypeAdapter, ValidationError

from connectors import problems as words
from connectors import registry
from connectors.definition import Model
from connectors.problems import WORDS, sentence
from service.api.router import build_api
from service.workflows.wire import Input

OWN = ("connectors.", "service.")
LENGTHS, BOUNDS = ("min_length", "max_length"), ("gt", "ge", "lt", "le")
# What a part of pydantic's plan of a model can find wrong; what is not here finds nothing by itself.
FAULTS = {
    "model": ("model_type",),
    "model-fields": ("model_attributes_type", "missing", "extra_forbidden", "invalid_key"),
    "dict": ("dict_type", "mapping_type"),
    "list": ("list_type",),
    "tuple": ("tuple_type",),
    "set": ("set_type",),
    "frozenset": ("frozen_set_type",),
    "str": ("string_type", "string_unicode"),
    "bool": ("bool_type", "bool_parsing"),
    "int": ("int_type", "int_parsing", "int_from_float", "int_parsing_size"),
    "float": ("float_type", "float_parsing", "finite_number"),
    "enum": ("enum",),
    "literal": ("literal_error",),
    "none": ("none_required",),
    "tagged-union": ("union_tag_invalid", "union_tag_not_found"),
    "datetime": ("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "timezone_aware"),
    "uuid": ("uuid_type", "uuid_parsing", "uuid_version"),
    **{f"function-{place}": ("value_error", "assertion_error") for place in ("after", "before", "plain", "wrap")},
}
WITHOUT_FAULTS = frozenset(
    {"any", "default", "definition-ref", "definitions", "is-instance", "json-or-python", "lax-or-strict"}
    | {"model-field", "no-info", "nullable", "union", "with-info"}
)


class Colour(Enum):
    """Two."""

    RED = "red"
    BLUE = "blue"


class Card(Model):
    """Of one kind."""

    kind: Literal["card"]


class Note(Model):
    """Of another."""

    kind: Literal["note"]


EXAMPLES: tuple[tuple[Any, object, str], ...] = (
    (Card, {}, "is required"),
    (Card, {"kind": "card", "x": 1}, words.UNKNOWN_KEY),
    (Card, "x", words.OBJECT),
    (dict[str, str], [], words.OBJECT),
    (Annotated[Card | Note, Field(discriminator="kind")], {"kind": "x"}, "has a 'kind' that must be 'card', 'note'"),
    (Annotated[Card | Note, Field(discriminator="kind")], {}, "needs the key 'kind'"),
    (Card, {"kind": "x"}, "must be 'card'"),
    (tuple[str, ...], "public", words.LIST),
    (list[str], "public", words.LIST),
    (frozenset[str], "public", words.LIST),
    (str, 12345, words.TEXT),
    (SecretStr, 12345, words.TEXT),
    (
        Annotated[str, StringConstraints(pattern="^a$")],
        "\ud800",
        "is a text with half of a surrogate pair; write the whole character",
    ),
    (Annotated[SecretStr, Field(min_length=1)], "", words.EMPTY),
    (Annotated[str, Field(min_length=1)], "", words.EMPTY),
    (Annotated[str, Field(min_length=2)], "a", "must have at least 2 characters"),
    (Annotated[SecretStr, Field(min_length=2)], "a", "must have at least 2 characters"),
    (Annotated[SecretStr, Field(max_length=2)], "abc", "must have at most 2 characters"),
    (Annotated[str, Field(max_length=2)], "abc", "must have at most 2 characters"),
    (Annotated[tuple[str, ...], Field(min_length=2)], (), "must have at least 2 items"),
    (Annotated[dict[str, str], Field(max_length=1)], {"a": "", "b": ""}, "must have at most 1 items"),
    (Annotated[str, StringConstraints(pattern="^a$")], "b", "must match the regular expression ^a$"),
    (bool, 7, words.TRUTH),
    (Annotated[bool, Strict()], "yes", words.TRUTH),
    (int, "x", words.WHOLE_NUMBER),
    (int, 1.5, words.WHOLE_NUMBER),
    (int, None, words.WHOLE_NUMBER),
    (int, "1" * 5000, "has too many digits"),
    (float, "x", words.NUMBER),
    (float, None, words.NUMBER),
    (Annotated[float, Field(allow_inf_nan=False)], "inf", "must be a finite number"),
    (Annotated[int, Field(gt=1)], 1, "must be more than 1"),
    (Annotated[int, Field(ge=1)], 0, "must be at least 1"),
    (Annotated[int, Field(lt=1)], 1, "must be less than 1"),
    (Annotated[int, Field(le=1)], 2, "must be at most 1"),
    (Colour, "green", "must be 'red' or 'blue'"),
    (None, 1, "must be null or be left out"),
    (datetime, "soon", words.INSTANT),
    (datetime, None, words.INSTANT),
    (UUID, "x", words.UUID),
    (UUID, 1, words.UUID),
)


@pytest.mark.parametrize(("annotation", "given", "told"), EXAMPLES)
def test_faults_are_told_in_our_words(annotation: Any, given: object, told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter[Any](annotation).validate_python(given)
    fault = caught.value.errors()[0]
    assert sentence(fault["type"], fault["msg"], fault.get("ctx")) == told


def test_a_validators_own_words_are_told_as_they_are_and_kinds_of_others_in_pydantics() -> None:
    assert sentence("value_error", "Value error, is {odd}", {"error": ValueError("is {odd}")}) == "is {odd}"
    assert sentence("decimal_parsing", "Input should be a valid decimal") == "Input should be a valid decimal"


def test_no_model_that_people_write_has_a_fault_without_words() -> None:
    for name in registry.names():
        registry.get(name)
    assert build_api  # all of the API's models are there
    models = [model for base in (Model, Input) for model in _below(base) if model.__module__.startswith(OWN)]
    kinds = {kind for model in models for kind in _kinds(_plan_of(model))}
    assert kinds - WORDS.keys() == set()
    assert {"too_long", "string_pattern_mismatch", "literal_error", "tuple_type", "less_than_equal"} <= kinds


def _below(base: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in base.__subclasses__():
        yield model
        yield from _below(model)


def _plan_of(model: type[BaseModel]) -> object:
    model.model_rebuild()
    return model.__pydantic_core_schema__


def _kinds(plan: object) -> Iterator[str]:
    if isinstance(plan, list | tuple):
        for part in cast("list[object]", plan):
            yield from _kinds(part)
    elif isinstance(plan, Mapping):
        part = cast("Mapping[str, object]", plan)
        kind = part.get("type")
        if isinstance(kind, str):
            assert kind in FAULTS or kind in WITHOUT_FAULTS, f"what can {kind} find wrong?"
            yield from FAULTS.get(kind, ())
            yield from _constraints(kind, part)
        for below in part.values():
            yield from _kinds(below)


def _constraints(kind: str, plan: Mapping[str, object]) -> Iterator[str]:
    names = {"gt": "greater_than", "ge": "greater_than_equal", "lt": "less_than", "le": "less_than_equal"}
    yield from (names[bound] for bound in BOUNDS if bound in plan)
    prefix = "string_" if kind == "str" else ""
    yield from (f"{prefix}too_{'short' if length == 'min_length' else 'long'}" for length in LENGTHS if length in plan)
    if "pattern" in plan:
        yield "string_pattern_mismatch"
