"""What servers that speak Postgres's protocol differ in."""

import msgspec

# What texts of types, defaults and views depend on: a server, a database or a role may have it otherwise. They are the
# transaction's, since a pooler refuses most of them where sessions begin and hands each transaction another session.
TEXTS = (
    "SET LOCAL datestyle = 'ISO, MDY'",
    "SET LOCAL intervalstyle = 'postgres'",
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL quote_all_identifiers = off",
    "SET LOCAL standard_conforming_strings = on",
)
# Names come out qualified whatever the role's search path; cursors are planned to be read to their end.
POSTGRES_SETTINGS = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    *TEXTS,
    "SET LOCAL search_path = ''",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SET LOCAL cursor_tuple_fraction = 1",
    "SET LOCAL jit = off",
)


class Dialect(msgspec.Struct, frozen=True):
    """How a server is spoken to: `settings` begin a transaction, versions before the `oldest` are refused.

    `oldest` is a number like psycopg's server_version, 120000 for 12; `binary` says that it sends rows in binary form.
    """

    system: str = "Postgres"
    oldest: int = 120000
    settings: tuple[str, ...] = POSTGRES_SETTINGS
    binary: bool = True


POSTGRES = Dialect()
