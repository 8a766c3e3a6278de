"""Fully qualified names and the rewriting of reserved characters, as OpenMetadata does both."""

from collections.abc import Iterable, Sequence

_RESERVED = (
    ("::", "__reserved__colon__"),
    (">", "__reserved__arrow__"),
    ('"', "__reserved__quote__"),
    ("\r", "__reserved__carriage__return__"),
    ("\n", "__reserved__newline__"),
    ("\t", "__reserved__tab__"),
)
MAX_NAME_LENGTH = 256
MAX_FQN_LENGTH = 3072


def encode_name(name: str) -> str:
    """An entity or column name as the API stores it."""
    if name.isidentifier():
        return name
    for raw, encoded in _RESERVED:
        name = name.replace(raw, encoded)
    return name


def encode_names(names: Sequence[str]) -> Iterable[str]:
    """Each as `encode_name` has it; all at once where none has a reserved character, which is nearly always."""
    return names if "".join(names).isidentifier() else map(encode_name, names)


def decode_name(name: str) -> str:
    """What `encode_name` was given."""
    for raw, encoded in _RESERVED:
        name = name.replace(encoded, raw)
    return name


def quote_name(name: str) -> str:
    """One part of a fully qualified name: in double quotes only when it holds a dot."""
    return f'"{name}"' if "." in name else name


def fqn(*names: str) -> str:
    """Join names into a fully qualified name; each is an encoded name, not yet quoted."""
    return ".".join(quote_name(name) for name in names)


def child_fqn(parent: str, name: str) -> str:
    """The fully qualified name of `name` below the entity `parent` names."""
    return f"{parent}.{quote_name(name)}"


def split_fqn(text: str) -> tuple[str, ...]:
    """The unquoted parts of a fully qualified name.

    Raises:
        ValueError: A quote is not closed or stands inside a part.
    """
    if text and '"' not in text:
        return tuple(text.split("."))
    parts: list[str] = []
    rest = text
    while rest:
        if rest.startswith('"'):
            end = rest.find('"', 1)
            if end < 0 or rest[end + 1 : end + 2] not in ("", "."):
                msg = f"{text!r} is not a fully qualified name: a double quote is out of place"
                raise ValueError(msg)
            parts.append(rest[1:end])
            rest, more = rest[end + 2 :], len(rest) > end + 1
        else:
            part, dot, rest = rest.partition(".")
            if '"' in part:
                msg = f"{text!r} is not a fully qualified name: a double quote is out of place"
                raise ValueError(msg)
            parts.append(part)
            more = bool(dot)
        if more and not rest:
            parts.append("")
    return tuple(parts)


def parent_fqn(text: str) -> str:
    """The fully qualified name of the parent; empty for a service."""
    return fqn(*split_fqn(text)[:-1])
