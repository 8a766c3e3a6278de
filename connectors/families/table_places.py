"""Where in the catalogue a table may be that another system reads."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from urllib.parse import unquote, urlsplit

import msgspec

from connectors.families.lineage_options import LineageInformation
from connectors.models.names import encode_name, fqn, split_fqn

# The catalogue puts a database above the schemas of these, which have none.
WITHOUT_DATABASE = frozenset({"mysql", "mariadb", "hive", "impala", "clickhouse", "clickhousedb", "starrocks", "doris"})
DEFAULT_SCHEMAS: Mapping[str, str] = {
    "postgresql": "public",
    "redshift": "public",
    "cockroachdb": "public",
    "mssql": "dbo",
}
ANY = "*"


class TablePlace(msgspec.Struct, frozen=True):
    """A table; None is what is not known of it."""

    table: str
    schema: str | None = None
    database: str | None = None

    def within(self, uri: str) -> "TablePlace":
        """The same, completed by an SQLAlchemy URI of its database."""
        try:
            parts = urlsplit(uri)
        except ValueError:
            return self
        kind = parts.scheme.partition("+")[0]
        path = [unquote(part) for part in parts.path.split("/") if part]
        if kind == "sqlite":
            return msgspec.structs.replace(self, database="default", schema=self.schema or "main")
        if kind in WITHOUT_DATABASE:
            return msgspec.structs.replace(self, database="default", schema=self.schema or next(iter(path), None))
        path = [parts.netloc, *path] if kind == "bigquery" and parts.netloc else path
        first, second = (*path, None, None)[:2]
        schema = self.schema or second or DEFAULT_SCHEMAS.get(kind)
        return msgspec.structs.replace(self, database=self.database or first, schema=schema)

    def fqns(self, services: LineageInformation) -> Iterator[str]:
        """Its fully qualified names, one in each of the services named, where enough is known of it."""
        own = (self.database, self.schema, self.table)
        for prefix in services.db_service_prefixes:
            service, *named = split_fqn(prefix)
            path = [_either(given, wanted) for given, wanted in zip_longest(own, named[: len(own)])]
            known = [part for part in path if part is not None]
            if len(known) == len(own):
                yield fqn(service, *map(encode_name, known))


def _either(own: str | None, wanted: str | None) -> str | None:
    """A part of the place, where the user named it or left it open; None where they meant another."""
    if own is None:
        return None if wanted == ANY else wanted
    return own if wanted is None or wanted == ANY or wanted.casefold() == own.casefold() else None
