"""Columns of a schema that a file carries."""

from collections.abc import Iterable

from connectors.families.nested_types import Field, column_of_field, written
from connectors.models.database import Column

DEEPEST = 32


def columns_of_fields(fields: Iterable[Field]) -> tuple[Column, ...]:
    """The fields as columns, each shown in Hive's spelling."""
    return tuple(column_of_field(field, place, written(field.type)) for place, field in enumerate(fields, 1))
