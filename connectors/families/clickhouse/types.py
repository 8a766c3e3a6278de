"""ClickHouse's types, read into the tree that `nested_types` makes columns of."""

import re
from collections.abc import Mapping

from connectors.families.nested_types import MAX_DEPTH, Field, NestedType, column_of_field
from connectors.families.type_tokens import NotATypeError, TypeTokens
from connectors.models.database import Column

# By the words of nested_types. What is not here goes by its own name.
NAMES: Mapping[str, str] = {
    "int8": "tinyint", "int16": "smallint", "int32": "int", "int64": "bigint", "int128": "largeint",
    "int256": "largeint", "uint8": "uint", "uint16": "uint", "uint32": "uint", "uint64": "uint", "uint128": "uint",
    "uint256": "uint", "float32": "float", "float64": "double", "bfloat16": "float", "fixedstring": "char",
    "date32": "date", "datetime": "datetime", "datetime64": "datetime", "time64": "time", "enum8": "enum",
    "enum16": "enum", "dynamic": "variant", "object": "json", "nothing": "null", "ring": "polygon",
    "multipolygon": "polygon", "linestring": "geometry", "multilinestring": "geometry", "decimal32": "decimal",
    "decimal64": "decimal", "decimal128": "decimal", "decimal256": "decimal", "tuple": "struct", "nested": "struct",
    "variant": "uniontype", "intervalday": "interval",
}  # fmt: skip
DIGITS = {"decimal32": 9, "decimal64": 18, "decimal128": 38, "decimal256": 76}
WRAPPERS = frozenset({"nullable", "lowcardinality"})
PARTS = {"array": 1, "map": 2}
SIZES = frozenset({"decimal", "fixedstring"})
TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>`(?:[^`\\]|``|\\.)*`|"(?:[^"\\]|""|\\.)*")|(?P<text>'(?:[^'\\]|''|\\.)*')|(?P<mark>[(),=])"""
    r"""|(?P<word>[^\s(),=`"']+))""",
    re.DOTALL,
)


def clickhouse_column(name: str, text: str, place: int, description: str | None = None) -> Column:
    """A column of the type that `text` spells, with its children; UNKNOWN when it spells none."""
    try:
        found, nullable = parse_clickhouse_type(text)
    except NotATypeError:
        found, nullable = NestedType(""), True
    return column_of_field(Field(name, found, not nullable, description), place, text)


def parse_clickhouse_type(text: str) -> tuple[NestedType, bool]:
    """The type that `text` spells, and whether it may be NULL.

    Raises:
        NotATypeError: It spells none.
    """
    reader = _Reader(text)
    found = reader.type(0)
    if reader.kind != "end":
        raise reader.wrong()
    return found


class _Reader(TypeTokens):
    """What the tokens of one text make up."""

    def __init__(self, text: str) -> None:
        super().__init__(text, TOKEN)

    def type(self, depth: int) -> tuple[NestedType, bool]:
        """The type that begins here, and whether it may be NULL."""
        if depth > MAX_DEPTH or self.kind != "word":
            raise self.wrong()
        name = self._take().lower()
        if name in WRAPPERS:
            self._expect("(")
            found, nullable = self.type(depth + 1)
            self._expect(")")
            return found, nullable or name == "nullable"
        word = NAMES.get(name, name)
        if name in PARTS or word == "uniontype":
            parts = self._parts(depth)
            if len(parts) != PARTS.get(name, len(parts)):
                raise self.wrong()
            return NestedType(word, parts=parts), word == "uniontype"
        if word == "struct":
            return NestedType(word, fields=self._fields(depth)), False
        if name == "simpleaggregatefunction":
            self._expect("(")
            inside = 0
            while inside or not self._at(","):
                inside = self._passed(inside)
            self._expect(",")
            found = self.type(depth + 1)
            self._expect(")")
            return found
        return NestedType(word, self._sizes(name)), word in ("variant", "json")

    def _parts(self, depth: int) -> tuple[NestedType, ...]:
        parts: list[NestedType] = []
        self._expect("(")
        while True:
            parts.append(self.type(depth + 1)[0])
            if not self._at(","):
                break
            self._advance()
        self._expect(")")
        return tuple(parts)

    def _fields(self, depth: int) -> tuple[Field, ...]:
        """A tuple's elements; those without a name are called by their places, as ClickHouse does."""
        fields: list[Field] = []
        self._expect("(")
        while not self._at(")"):
            if fields:
                self._expect(",")
            name = self._name() or str(len(fields) + 1)
            found, nullable = self.type(depth + 1)
            fields.append(Field(name, found, not nullable))
        self._expect(")")
        return tuple(fields)

    def _name(self) -> str | None:
        """The name that begins here: a quoted one, or a word before another."""
        if self.kind == "quoted":
            token = self._take()
            inside = token[1:-1].replace(token[0] * 2, token[0])
            return re.sub(r"\\(.)", r"\1", inside, flags=re.DOTALL)
        named = self.kind == "word" and self._kind_after() == "word"
        return self._take() if named else None

    def _sizes(self, name: str) -> tuple[int, ...]:
        """The numbers that belong to the type; what else stands there is passed over."""
        numbers: list[int] = [DIGITS[name]] if name in DIGITS else []
        if not self._at("("):
            return tuple(numbers)
        self._advance()
        depth = 0
        while depth or not self._at(")"):
            if self.kind == "word" and (name in SIZES or name in DIGITS) and self.value.isdecimal():
                numbers.append(int(self.value))
            depth = self._passed(depth)
        self._expect(")")
        return tuple(numbers)

    def _passed(self, depth: int) -> int:
        """Pass one token over; how deep in parentheses what follows is."""
        if self.kind == "end":
            raise self.wrong()
        inside = self.kind == "mark"
        value = self._take()
        return depth + (inside and value == "(") - (inside and value == ")")
