"""The text of .proto files (https://protobuf.dev/reference/protobuf/proto3-spec, proto2-spec): messages and fields."""

import re
from collections.abc import Iterator

import msgspec

from connectors.families.message_schemas.fields import DEEPEST, Unreadable

TOKEN = re.compile(
    r"""
    (?P<space>\s+)
    | (?P<comment>//[^\n]*|/\*.*?\*/)
    | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
    | (?P<name>\.?[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)
    | (?P<number>[-+]?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?))
    | (?P<sign>[{}\[\]()<>=;:,./-])
    """,
    re.VERBOSE | re.DOTALL,
)
LABELS = frozenset({"optional", "required", "repeated"})
CLOSING = {"{": "}", "[": "]", "(": ")", "<": ">"}


class ProtoField(msgspec.Struct, frozen=True):
    """A field; `key` is the type of a map's keys, `type` then that of its values."""

    name: str
    type: str
    repeated: bool = False
    key: str | None = None
    comment: str | None = None


class ProtoType(msgspec.Struct):
    """A message or, with `symbols`, an enum; `full` is its name with its package and the messages it lies in."""

    full: str
    comment: str | None = None
    fields: list[ProtoField] = msgspec.field(default_factory=list[ProtoField])
    symbols: list[str] | None = None


class Token(msgspec.Struct, frozen=True):
    """One word or sign, and the comment that stands before it."""

    text: str
    comment: str | None
    line: int


def types_of(text: str) -> list[ProtoType]:
    """All messages and enums of a file, in the order they begin.

    Raises:
        Unreadable: It is no .proto file; names the line.
    """
    return Parser(list(_tokens(text))).file()


def _tokens(text: str) -> Iterator[Token]:
    place, line, comment = 0, 1, None
    while place < len(text):
        found = TOKEN.match(text, place)
        if found is None:
            raise _broken(line, f"{text[place]!r} has no place there")
        place, piece = found.end(), found[0]
        if found.lastgroup == "comment":
            words = _words(piece)
            comment = f"{comment} {words}" if comment else words
        elif found.lastgroup == "space":
            comment = None if piece.count("\n") > 1 else comment
        else:
            yield Token(piece, comment, line)
            comment = None
        line += piece.count("\n")


def _words(comment: str) -> str:
    inner = comment[2:] if comment.startswith("//") else comment[2:-2]
    return " ".join(word for line in inner.splitlines() for word in line.strip(" \t*").split())


def _broken(line: int, why: str) -> Unreadable:
    return Unreadable(f"it is no .proto file: line {line}: {why}", "correct the schema in the registry")


class Parser:
    """Goes through the tokens of one file."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._package = ""
        self._types: list[ProtoType] = []

    def file(self) -> list[ProtoType]:
        """Everything in it."""
        while self._at < len(self._tokens):
            token = self._next()
            if token.text == "package":
                self._package = self._next().text
                self._expect(";")
            elif token.text in ("message", "enum"):
                self._type(token, self._package, 0)
            elif token.text in ("syntax", "edition", "import", "option", "service", "extend"):
                self._skip_statement()
            elif token.text != ";":
                raise _broken(token.line, f"{token.text!r} has no place there")
        return self._types

    def _type(self, opening: Token, outer: str, depth: int) -> None:
        name = self._next().text
        made = ProtoType(f"{outer}.{name}" if outer else name, opening.comment)
        self._types.append(made)
        self._expect("{")
        if opening.text == "enum":
            made.symbols = []
            self._symbols(made.symbols)
        else:
            self._body(made, depth)

    def _symbols(self, symbols: list[str]) -> None:
        while (token := self._next()).text != "}":
            if token.text in ("option", "reserved"):
                self._skip_statement()
            elif token.text != ";":
                symbols.append(token.text)
                self._skip_statement()

    def _body(self, made: ProtoType, depth: int) -> None:
        if depth > DEEPEST:
            raise _broken(self._tokens[self._at - 1].line, f"messages are nested more than {DEEPEST} deep")
        while (token := self._next()).text != "}":
            following = self._peek()
            if token.text in ("message", "enum") and self._peek(1) == "{":
                self._type(token, made.full, depth + 1)
            elif token.text == "oneof" and self._peek(1) == "{":
                self._next()
                self._next()
                self._body(made, depth + 1)
            elif token.text in ("option", "reserved", "extensions", "extend") and following != "=":
                self._skip_statement()
            elif token.text != ";":
                self._field(token, made, depth)

    def _field(self, first: Token, made: ProtoType, depth: int) -> None:
        label = first.text if first.text in LABELS else ""
        kind = self._next().text if label else first.text
        key = None
        if kind == "map" and self._peek() == "<":
            self._next()
            key = self._next().text
            self._expect(",")
            kind = self._next().text
            self._expect(">")
        if kind == "group":
            kind = self._group(first, made, depth)
            name = kind.lower()
        else:
            name = self._next().text
            self._expect("=")
            self._skip_statement()
        if not (name.isidentifier() and kind.lstrip(".").replace(".", "_").isidentifier()):
            raise _broken(first.line, f"{kind} {name} is no field")
        made.fields.append(ProtoField(name, kind, label == "repeated", key, first.comment))

    def _group(self, first: Token, made: ProtoType, depth: int) -> str:
        """proto2's message and field in one."""
        name = self._next().text
        while self._peek() != "{":
            self._next()
        self._next()
        inner = ProtoType(f"{made.full}.{name}", first.comment)
        self._types.append(inner)
        self._body(inner, depth + 1)
        return name

    def _skip_statement(self) -> None:
        """Up to the semicolon or past the block that ends it."""
        while (token := self._next()).text != ";":
            if token.text in CLOSING:
                self._skip_block(token)
                if token.text == "{" and self._peek() != ";":
                    return

    def _skip_block(self, opening: Token) -> None:
        open_blocks = [opening.text]
        while open_blocks:
            sign = self._next().text
            if sign == CLOSING[open_blocks[-1]]:
                open_blocks.pop()
            elif sign in CLOSING and sign != "<":
                open_blocks.append(sign)

    def _peek(self, ahead: int = 0) -> str:
        place = self._at + ahead
        return self._tokens[place].text if place < len(self._tokens) else ""

    def _next(self) -> Token:
        if self._at >= len(self._tokens):
            raise _broken(self._tokens[-1].line if self._tokens else 1, "it ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, text: str) -> None:
        token = self._next()
        if token.text != text:
            raise _broken(token.line, f"{token.text!r} stands where {text!r} should")
