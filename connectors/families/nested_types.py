"""Types as warehouses write them, read once into OpenMetadata's columns with children.

Spellings: Hive and Spark `struct<a:int,b:array<string>>`, `map<k,v>`, `uniontype<..>`; BigQuery `STRUCT<a INT64>`,
`ARRAY<..>`, `RANGE<DATE>`; Trino `row(a integer)`, `array(..)`, `map(..)`; Snowflake `OBJECT(a NUMBER(10,2) NOT NULL)`,
`ARRAY(.. NOT NULL)`, `MAP(..)`, `VECTOR(FLOAT, 3)`, `VARIANT`; Postgres, Cockroach and DuckDB `text[]`. Fields
without a name are called by their places. A text that is none of these is UNKNOWN and shown as it is written.
"""

import re
from collections.abc import Iterator

import msgspec

from connectors.families.type_tokens import NotATypeError, TypeTokens
from connectors.models.database import Column, DataType
from connectors.models.names import encode_name

NAMES: dict[str, DataType] = {
    "bool": "BOOLEAN", "boolean": "BOOLEAN", "tinyint": "TINYINT", "byte": "TINYINT", "byteint": "TINYINT",
    "smallint": "SMALLINT", "short": "SMALLINT", "int": "INT", "integer": "INT", "int64": "BIGINT",
    "bigint": "BIGINT", "long": "BIGINT", "float": "FLOAT", "real": "FLOAT", "float4": "FLOAT",
    "float8": "DOUBLE", "float64": "DOUBLE", "double": "DOUBLE", "double precision": "DOUBLE",
    "decimal": "DECIMAL", "dec": "DECIMAL", "numeric": "NUMERIC", "bignumeric": "NUMERIC",
    "bigdecimal": "NUMERIC", "number": "NUMBER", "string": "STRING", "text": "TEXT", "char": "CHAR",
    "character": "CHAR", "varchar": "VARCHAR", "character varying": "VARCHAR", "binary": "BINARY",
    "bytes": "BINARY", "varbinary": "VARBINARY", "date": "DATE", "time": "TIME",
    "time with time zone": "TIME", "time without time zone": "TIME", "datetime": "DATETIME",
    "timestamp": "TIMESTAMP", "timestamp_ntz": "TIMESTAMP", "timestamp_ltz": "TIMESTAMPZ",
    "timestamp_tz": "TIMESTAMPZ", "timestamp with time zone": "TIMESTAMPZ",
    "timestamp with local time zone": "TIMESTAMPZ", "timestamp without time zone": "TIMESTAMP",
    "timestamplocaltz": "TIMESTAMPZ", "interval": "INTERVAL", "interval_year_month": "INTERVAL",
    "interval_day_time": "INTERVAL", "calendarinterval": "INTERVAL", "hyperloglog": "HLLSKETCH", "vector": "ARRAY",
    "json": "JSON", "variant": "VARIANT", "uuid": "UUID", "geography": "GEOGRAPHY", "geometry": "GEOMETRY",
    "sphericalgeography": "GEOGRAPHY", "ipaddress": "INET", "void": "NULL", "null": "NULL", "unknown": "NULL",
    "array": "ARRAY", "map": "MAP", "struct": "STRUCT", "row": "STRUCT", "object": "STRUCT",
    "timestamptz": "TIMESTAMPZ", "timetz": "TIME", "bytea": "BYTEA", "inet": "INET", "jsonb": "JSON", "bit": "BIT",
    "bit varying": "BIT", "varbit": "BIT", "oid": "UINT", "name": "VARCHAR", "int2": "SMALLINT", "int4": "INT",
    "int8": "BIGINT", "super": "SUPER", "hllsketch": "HLLSKETCH", "varbyte": "VARBINARY", "bpchar": "CHAR",
    "nvarchar": "VARCHAR", "nchar": "CHAR", "tsvector": "TSVECTOR", "tsquery": "TSQUERY",
    "uint": "UINT", "largeint": "LARGEINT", "enum": "ENUM", "ipv4": "IPV4", "ipv6": "IPV6", "point": "POINT",
    "polygon": "POLYGON", "aggregatefunction": "AGGREGATEFUNCTION",
    "record": "RECORD", "union": "UNION", "uniontype": "UNION", "xml": "XML",
}  # fmt: skip
STRUCTS = frozenset({"struct", "row", "object", "record"})
UNIONS = frozenset({"union", "uniontype"})
NESTED = frozenset({"array", "map", "range"}) | STRUCTS | UNIONS
EXACT: frozenset[DataType] = frozenset({"DECIMAL", "NUMERIC", "NUMBER"})
SIZED: frozenset[DataType] = frozenset({"CHAR", "VARCHAR", "BINARY", "VARBINARY", "STRING", "TEXT"})
TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>`(?:[^`]|``)*`|"(?:[^"]|"")*")|(?P<text>'(?:[^'\\]|''|\\.)*')|(?P<mark>[<>(),:])"""
    r"""|(?P<word>[^\s<>(),:`"']+))"""
)
# Words that a type's name may go on with.
LATER_WORDS = frozenset({
    "precision", "varying", "with", "without", "local", "time", "zone", "year", "month", "day", "hour", "minute",
    "second", "to",
})  # fmt: skip
# They say in parentheses what they are of and where on earth, not only in numbers.
PLACES = frozenset({"geometry", "geography"})
INTERVAL, VECTOR, COLLATE = "interval", "vector", "COLLATE"
# What follows a type, and no name, where a field begins.
AFTER_A_TYPE = re.compile(r"\s*[<>(),]")
# The rest of a name of several words, which Hive's metastore does not quote.
REST_OF_A_NAME = re.compile(r"[^<>(),:`\"']*(?=:)")
CLOSING = {"<": ">", "(": ")"}
MAX_DEPTH = 64


class Field(msgspec.Struct, frozen=True):
    """One field of a struct."""

    name: str
    type: "NestedType"
    required: bool = False
    description: str | None = None


class NestedType(msgspec.Struct, frozen=True):
    """A type as it is made: `parts` are an array's element, a map's key and value, a union's alternatives."""

    name: str
    arguments: tuple[int, ...] = ()
    parts: tuple["NestedType", ...] = ()
    fields: tuple[Field, ...] = ()

    @property
    def data_type(self) -> DataType:
        """OpenMetadata's word for it."""
        return "INTERVAL" if self.name.startswith(f"{INTERVAL} ") else NAMES.get(self.name, "UNKNOWN")


def parse_type(text: str) -> NestedType:
    """The type that `text` spells.

    Raises:
        NotATypeError: It spells none; says where it stops making sense.
    """
    reader = _Reader(text)
    found = reader.type(0)
    if reader.kind != "end":
        raise reader.wrong()
    return found


def column_of_type(
    name: str,
    text: str,
    place: int,
    *,
    required: bool = False,
    description: str | None = None,
) -> Column:
    """A column of the type that `text` spells, with its children; UNKNOWN when it spells none."""
    try:
        found = parse_type(text)
    except NotATypeError:
        found = NestedType("")
    return column_of_field(Field(name, found, required, description), place, text)


def column_of_field(field: Field, place: int, display: str) -> Column:
    """A column of a type that was read already, shown as `display`."""
    kind, found = field.type.data_type, field.type
    numbers = found.arguments
    exact = kind in EXACT and numbers
    # An array's own children are those of what it is an array of.
    inner = found
    while inner.data_type == "ARRAY" and inner.parts:
        inner = inner.parts[0]
    return Column(
        name=encode_name(field.name),
        data_type=kind,
        array_data_type=(found.parts[0].data_type if found.parts else "UNKNOWN") if kind == "ARRAY" else None,
        data_length=numbers[0] if kind in SIZED and numbers else 1,
        precision=numbers[0] if exact else None,
        scale=(numbers[1] if len(numbers) > 1 else 0) if exact else None,
        data_type_display=display,
        description=field.description,
        constraint="NOT_NULL" if field.required else "NULL",
        ordinal_position=place,
        children=tuple(_children(inner)) or None,
    )


def _children(of: NestedType) -> Iterator[Column]:
    """A struct's fields, a map's `key` and `value`, a union's alternatives as `tag_0`, `tag_1`."""
    fields = of.fields
    if of.data_type == "MAP":
        fields = tuple(Field(name, part) for name, part in zip(("key", "value"), of.parts, strict=False))
    elif of.data_type == "UNION":
        fields = tuple(Field(f"tag_{index}", part) for index, part in enumerate(of.parts))
    for place, field in enumerate(fields, 1):
        yield column_of_field(field, place, written(field.type))


def written(found: NestedType) -> str:
    """The type in Hive's spelling, which `parse_type` reads back; names are quoted where they have to be."""
    if found.fields:
        inside = ",".join(_field(field) for field in found.fields)
        return f"{found.name}<{inside}>"
    if found.parts:
        return f"{found.name}<{','.join(map(written, found.parts))}>"
    return found.name + (f"({','.join(map(str, found.arguments))})" if found.arguments else "")


def _field(field: Field) -> str:
    plain = field.name.isidentifier()
    name = field.name if plain else "`" + field.name.replace("`", "``") + "`"
    comment = ""
    if field.description is not None:
        comment = " COMMENT '" + field.description.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return f"{name}:{written(field.type)}{' NOT NULL' if field.required else ''}{comment}"


def _without_brackets(word: str) -> tuple[str, int]:
    """The word, and the number of array brackets that end it."""
    plain = word.rstrip("[]")
    brackets = word[len(plain) :]
    count = len(brackets) // 2
    return (plain, count) if brackets == "[]" * count else (word, 0)


class _Reader(TypeTokens):
    """What the tokens of one text make up."""

    def __init__(self, text: str) -> None:
        super().__init__(text, TOKEN)

    def type(self, depth: int) -> NestedType:
        """The type that begins here."""
        if depth > MAX_DEPTH or self.kind != "word":
            raise self.wrong()
        found, arrays = self._without_arrays(depth)
        if self.kind == "word" and self.value.startswith("["):
            rest, more = _without_brackets(self._take())
            if rest:
                raise self.wrong()
            arrays += more
        if arrays + depth > MAX_DEPTH:
            raise self.wrong()
        for _ in range(arrays):
            found = NestedType("array", parts=(found,))
        return found

    def _without_arrays(self, depth: int) -> tuple[NestedType, int]:
        """The type before its brackets, and how many of these ended its own word; a collation is passed over."""
        name, arrays = _without_brackets(self._take().lower())
        if name in NESTED and not arrays:
            found = self._nested(name, depth)
        elif name == VECTOR and self._at("("):
            found = self._vector(depth)
        else:
            found, arrays = self._named(name, arrays)
        if self.kind == "word" and self.value.upper() == COLLATE:
            self._advance()
            self._advance()
        return found, arrays

    def _named(self, name: str, arrays: int) -> tuple[NestedType, int]:
        """A type of one or more words with its numbers; the last word may say that it is an array."""
        numbers: tuple[int, ...] = ()
        while not arrays:
            if self._at("(") and (not numbers or name.startswith(INTERVAL)):
                numbers = self._numbers(name)
                continue
            word, brackets = _without_brackets(self.value.lower())
            if self.kind != "word" or word not in LATER_WORDS:
                break
            self._advance()
            name, arrays = f"{name} {word}", brackets
        return NestedType(name, () if name.startswith(INTERVAL) else numbers), arrays

    def _vector(self, depth: int) -> NestedType:
        """Numbers of one type, and how many of them."""
        self._expect("(")
        parts = () if self.value.isdigit() else (self.type(depth + 1),)
        while not self._at(")"):
            if self.kind == "end":
                raise self.wrong()
            self._advance()
        self._expect(")")
        return NestedType("array", parts=parts)

    def _nested(self, name: str, depth: int) -> NestedType:
        closing = CLOSING.get(self.value)
        if closing is None:
            return NestedType(name)
        self._advance()
        parts: list[NestedType] = []
        fields: list[Field] = []
        while self.value != closing:
            if parts or fields:
                self._expect(",")
            if name in STRUCTS:
                fields.append(self._field(depth, len(fields) + 1))
            else:
                parts.append(self.type(depth + 1))
                self._notes()
        self._expect(closing)
        wanted = {"array": 1, "map": 2, "range": 1}.get(name)
        if wanted not in (None, len(parts)):
            raise self.wrong()
        return NestedType(name, parts=tuple(parts), fields=tuple(fields))

    def _field(self, depth: int, place: int) -> Field:
        if self.kind not in ("word", "quoted"):
            raise self.wrong()
        name = self._name() or str(place)
        found = self.type(depth + 1)
        required, description = self._notes()
        return Field(name, found, required, description)

    def _name(self) -> str | None:
        """The name that a field begins with; None where it begins with its type."""
        if self.kind == "word" and self.value.lower() in NAMES and self._match_after(AFTER_A_TYPE) is not None:
            return None
        rest = self._match_after(REST_OF_A_NAME) if self.kind == "word" else None
        if rest:
            self._end += len(rest)
        quoted, token = self.kind == "quoted", self._take()
        name = token[1:-1].replace(token[0] * 2, token[0]) if quoted else token + (rest or "").rstrip()
        if self._at(":"):
            self._advance()
        return name

    def _notes(self) -> tuple[bool, str | None]:
        """What may follow a type: NOT NULL, and COMMENT of Hive and Spark."""
        required, description = False, None
        while self.kind == "word":
            word = self._take().upper()
            if word == "NOT" and self.value.upper() == "NULL":
                self._advance()
                required = True
            elif word == "COMMENT" and self.value.startswith("'"):
                description = re.sub(r"\\(.)|''", lambda found: found[1] or "'", self._take()[1:-1], flags=re.DOTALL)
            else:
                raise self.wrong()
        return required, description

    def _numbers(self, name: str) -> tuple[int, ...]:
        self._expect("(")
        found: list[int] = []
        while not self._at(")"):
            word = self._take().lower()
            if word.isascii() and word.removeprefix("-").isdigit():
                found.append(int(word))
            elif self.kind == "end" or not (word == "max" or name in PLACES):
                raise self.wrong()
            if not self._at(")") and name not in PLACES:
                self._expect(",")
        self._expect(")")
        return tuple(found)
