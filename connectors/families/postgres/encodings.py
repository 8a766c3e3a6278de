"""Databases of the encoding SQL_ASCII, which hold bytes of any encoding: read as UTF-8, U+FFFD for what is none."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg
    from psycopg.abc import Buffer

    Connection = psycopg.Connection[tuple[Any, ...]]

# The transaction's, as Dialect.settings are. Otherwise the server refuses an answer with any byte that is no UTF-8.
SETTING = "SET LOCAL client_encoding = 'SQL_ASCII'"
TEXTS = ("text", "name", "varchar", "bpchar", '"char"')


def holds_any_bytes(connection: "Connection") -> bool:
    """Whether the session's database has no encoding; asks nobody."""
    return connection.info.parameter_status("server_encoding") == "SQL_ASCII"


def read_any_bytes(connection: "Connection") -> None:
    """Make psycopg, which gives bytes where it knows no encoding, give text in this session."""
    from psycopg.adapt import Loader
    from psycopg.pq import Format

    class Text(Loader):
        def load(self, data: "Buffer") -> str:
            return bytes(data).decode(errors="replace")

    class BinaryText(Text):
        format = Format.BINARY

    for name in TEXTS:
        connection.adapters.register_loader(name, Text)
        connection.adapters.register_loader(name, BinaryText)


def mended(text: bytes) -> bytes:
    """The same in UTF-8; JSON stays JSON, whose own signs are ASCII."""
    return text.decode(errors="replace").encode()
