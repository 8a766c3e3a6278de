"""What a user may see, by what SHOW GRANTS tells: information_schema says nothing of the rest.

Rights that cannot be told count as missing.
"""

import re
from collections.abc import Iterable

import msgspec

ALL = "ALL PRIVILEGES"
# Each of these shows the tables it is given on together with their columns.
SHOWING_TABLES = frozenset({ALL, "SELECT", "INSERT", "UPDATE", "REFERENCES"})
SHOWING_SCHEMAS = SHOWING_TABLES | {"SHOW DATABASES"}
SHOWING_ROUTINES = frozenset({ALL, "EXECUTE", "ALTER ROUTINE", "CREATE ROUTINE", "SHOW CREATE ROUTINE"})
SELECT = frozenset({ALL, "SELECT"})
SHOW_ROUTINE = "SHOW_ROUTINE"  # not to be revoked for single schemas, unlike the others
WITH_ROLES = 8

NAME = r"`((?:[^`]|``)*)`"
STATEMENT = re.compile(rf"(GRANT|REVOKE) ([^`'()]+?) ON (?:\*|{NAME})\.(?:\*|{NAME}) (?:TO|FROM) ", re.DOTALL)
PATTERN_PART = re.compile(r"\\?.", re.DOTALL)
WILDCARDS = {"%": ".*", "_": "."}


class Server(msgspec.Struct, frozen=True):
    """What kind of server gives the rights; with `literal` names (MySQL's partial_revokes) none is a pattern."""

    version: str
    literal: bool = False

    @property
    def has_roles_of_mysql(self) -> bool:
        """Whether it is MySQL 8 or newer, whose roles are told on demand and which has no table mysql.proc."""
        number = re.match(r"\d+", self.version)
        return "mariadb" not in self.version.lower() and number is not None and int(number[0]) >= WITH_ROLES


class Rights(msgspec.Struct, frozen=True):
    """The rights of `account`, which is written as SQL writes it.

    `on_schemas` has the privileges by patterns of names, `revoked` those that do not hold everywhere after all.
    """

    account: str
    server: Server
    everywhere: set[str] = msgspec.field(default_factory=set[str])
    on_schemas: list[tuple[str, frozenset[str]]] = msgspec.field(default_factory=list[tuple[str, frozenset[str]]])
    on_tables: set[tuple[str, str, str]] = msgspec.field(default_factory=set[tuple[str, str, str]])
    revoked: dict[str, frozenset[str]] = msgspec.field(default_factory=dict[str, frozenset[str]])

    @classmethod
    def of(cls, account: str, server: Server, statements: Iterable[str]) -> "Rights":
        """The rights that these statements of SHOW GRANTS give, those of active roles among them."""
        rights = cls(account, server)
        for found in filter(None, map(STATEMENT.match, statements)):
            verb, listed, schema, table = found.groups()
            rights._take(verb, frozenset(re.split(r" *, *", listed)), _plain(schema), _plain(table))
        return rights

    def _take(self, verb: str, privileges: frozenset[str], schema: str | None, table: str | None) -> None:
        if schema is None:
            self.everywhere.update(privileges if verb == "GRANT" else ())
        elif verb == "REVOKE":
            self.revoked[schema] = self.revoked.get(schema, frozenset()) | privileges
        elif table is None:
            self.on_schemas.append((schema, privileges))
        else:
            self.on_tables.update((schema, table, privilege) for privilege in privileges)

    def missing_for_schemas(self) -> str | None:
        """The statement that lets the user see every schema; None where nothing is missing."""
        lifted = [
            f"GRANT {', '.join(sorted(privileges))} ON {self._named(schema)}.* TO {self.account}"
            for schema, privileges in sorted(self.revoked.items())
        ]
        if not self.everywhere & SHOWING_SCHEMAS:
            lifted.append(f"GRANT SHOW DATABASES ON *.* TO {self.account}")
        return "; ".join(lifted) or None

    def missing_for_tables(self, schema: str) -> str | None:
        """The same for the tables and views of one schema."""
        if self._cover(schema, SHOWING_TABLES):
            return None
        return f"GRANT SELECT ON {self._named(schema)}.* TO {self.account}"

    def missing_for_routines(self, schema: str) -> str | None:
        """The same for the functions and procedures of one schema."""
        if self._cover(schema, SHOWING_ROUTINES):
            return None
        if self.server.has_roles_of_mysql:
            seen = SHOW_ROUTINE in self.everywhere or self._everywhere_but(schema) & SELECT
            return None if seen else f"GRANT {SHOW_ROUTINE} ON *.* TO {self.account}"
        seen = ("mysql", "proc", "SELECT") in self.on_tables or self._cover("mysql", SELECT)
        return None if seen else f"GRANT SELECT ON `mysql`.`proc` TO {self.account}"

    def _cover(self, schema: str, privileges: frozenset[str]) -> bool:
        """Whether one of the privileges holds for the whole schema."""
        if self._everywhere_but(schema) & privileges:
            return True
        # The server goes by one of several patterns that fit, the most specific: so each has to give the right.
        fitting = [given for pattern, given in self.on_schemas if self._fits(pattern, schema)]
        return bool(fitting) and all(given & privileges for given in fitting)

    def _everywhere_but(self, schema: str) -> set[str]:
        revoked = self.revoked.get(schema, frozenset())
        return set() if ALL in revoked else self.everywhere - revoked

    def _fits(self, pattern: str, schema: str) -> bool:
        if self.server.literal:
            return pattern == schema
        expression = PATTERN_PART.sub(_expression, pattern)
        return re.fullmatch(expression, schema, re.DOTALL) is not None

    def _named(self, schema: str) -> str:
        """A schema as a GRANT names it, and no other one."""
        exact = schema if self.server.literal else re.sub(r"([%_\\])", r"\\\1", schema)
        return "`" + exact.replace("`", "``") + "`"


def account(user: str) -> str:
    """An account as SQL writes it, of what CURRENT_USER() tells: `user@host`."""
    name, _, host = user.rpartition("@")
    return "@".join("'" + part.replace("\\", r"\\").replace("'", "''") + "'" for part in (name, host))


def _plain(quoted: str | None) -> str | None:
    return None if quoted is None else quoted.replace("``", "`")


def _expression(part: re.Match[str]) -> str:
    """What a character of a pattern, escaped or not, is as a regular expression."""
    return WILDCARDS.get(part[0]) or re.escape(part[0][-1])
