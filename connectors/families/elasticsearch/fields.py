"""Mappings as the fields of OpenMetadata's search indexes."""

from collections.abc import Iterator, Mapping

from connectors.families.elasticsearch.answers import Field
from connectors.families.elasticsearch.answers import Mapping as IndexMapping
from connectors.models.names import MAX_NAME_LENGTH, encode_name
from connectors.models.search import FieldType, SearchIndexField

OBJECT = "object"
ALIAS = "alias"
SAME: tuple[FieldType, ...] = (
    "TEXT", "KEYWORD", "CONSTANT_KEYWORD", "WILDCARD", "LONG", "INTEGER", "SHORT", "BYTE", "DOUBLE", "FLOAT",
    "HALF_FLOAT", "SCALED_FLOAT", "UNSIGNED_LONG", "BOOLEAN", "BINARY", "DATE", "IP", "VERSION", "MURMUR3",
    "AGGREGATE_METRIC_DOUBLE", "HISTOGRAM", "COMPLETION", "SEARCH_AS_YOU_TYPE", "DENSE_VECTOR", "RANK_FEATURE",
    "RANK_FEATURES", "GEO_POINT", "GEO_SHAPE", "POINT", "SHAPE", "PERCOLATOR", "OBJECT", "NESTED", "FLATTENED", "JOIN",
)  # fmt: skip
TYPES: Mapping[str, FieldType] = {
    **{kind.lower(): kind for kind in SAME},
    **dict.fromkeys(("integer_range", "long_range", "float_range", "double_range", "date_range", "ip_range"), "RANGE"),
    "annotated_text": "ANNOTATED-TEXT",
    "counted_keyword": "KEYWORD",
    "date_nanos": "DATE",
    "flat_object": "FLATTENED",
    "icu_collation_keyword": "KEYWORD",
    "knn_vector": "DENSE_VECTOR",
    "match_only_text": "TEXT",
    "passthrough": "OBJECT",
    "semantic_text": "TEXT",
    "token_count": "INTEGER",
    "xy_point": "POINT",
    "xy_shape": "SHAPE",
}


def fields_of(mapping: IndexMapping) -> tuple[SearchIndexField, ...]:
    """The fields of an index, by name; types that OpenMetadata has not are UNKNOWN, and shown by their own name."""
    reader = Reader(mapping.properties)
    made = {**mapping.runtime, **mapping.derived}
    stored = {name: each for name, each in mapping.properties.items() if name not in made}  # searches see what is made
    return (
        *reader.below(stored),
        *(reader.field(name, each, "made when searched: ") for name, each in sorted(made.items())),
    )


class Reader:
    """One mapping."""

    def __init__(self, root: Mapping[str, Field]) -> None:
        self._root = root

    def below(self, fields: Mapping[str, Field]) -> Iterator[SearchIndexField]:
        """These fields, by name."""
        return (self.field(name, each) for name, each in sorted(fields.items()))

    def field(self, name: str, field: Field, mark: str = "") -> SearchIndexField:
        """A field, with those that lie in it before the other ways in which it is indexed."""
        kind = field.type or OBJECT
        shown = kind
        if kind == ALIAS and isinstance(field.path, str):
            kind, shown = self._kind_at(field.path), f"alias of {field.path}"
        return SearchIndexField(
            name=encode_name(name)[:MAX_NAME_LENGTH],
            data_type=TYPES.get(kind, "UNKNOWN"),
            data_type_display=mark + shown,
            children=(*self.below(field.properties), *self.below(field.fields)) or None,
        )

    def _kind_at(self, path: str) -> str:
        """The type of the field at a path of names; empty where there is none."""
        fields, found = self._root, None
        for name in path.split("."):
            found = fields.get(name)
            if found is None:
                return ""
            fields = found.properties or found.fields
        return "" if found is None else found.type or OBJECT
