"""The user's choices for one run over a database service: which entities are kept, and who owns them."""

import msgspec

from connectors.definition import FilterPattern
from connectors.families.database_options import DatabaseConnection, DatabaseMetadata, OwnerNames
from connectors.families.patterns import EntityFilter
from connectors.models.base import EntityReference
from connectors.models.database import Column
from connectors.models.names import fqn

TEAM_PREFIX = "team:"


class Owners(msgspec.Struct, frozen=True):
    """Who owns an entity: what `ownerConfig` says of it or its level, else its owner in the source.

    Where there is neither, an `ownerConfig` hands the owners of the entity's parent down, or has a default.
    """

    options: DatabaseMetadata

    def service(self) -> tuple[EntityReference, ...]:
        """The owners of the service itself."""
        config = self.options.owner_config
        return references(config.service or config.default) if config and self.options.include_owners else ()

    def of(
        self, level: str, path: tuple[str, ...], source_owner: str | None, inherited: tuple[EntityReference, ...]
    ) -> tuple[EntityReference, ...]:
        """The owners of the entity that `path` leads to from the service, which its children may inherit."""
        if not self.options.include_owners:
            return ()
        config = self.options.owner_config
        if config is None:
            return references(source_owner)
        by_level: dict[str, str | dict[str, OwnerNames] | None] = {
            "database": config.database,
            "databaseSchema": config.database_schema,
            "table": config.table,
        }
        named = by_level.get(level)
        if isinstance(named, dict):
            for key in (fqn(*path), path[-1]):
                if key in named:
                    return references(named[key])
            named = None
        handed_down = inherited if config.enable_inheritance else ()
        return references(named or source_owner) or handed_down or references(config.default)


def without_tags(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """The same columns, and what lies in them, with no tag on any."""
    return tuple(
        msgspec.structs.replace(column, tags=(), children=without_tags(column.children) if column.children else None)
        if column.tags or column.children
        else column
        for column in columns
    )


def references(names: OwnerNames | None) -> tuple[EntityReference, ...]:
    """Owners by name; the sink finds their ids."""
    if not names:
        return ()
    each = (names,) if isinstance(names, str) else names
    return tuple(
        EntityReference(type="team", name=name.removeprefix(TEAM_PREFIX))
        if name.startswith(TEAM_PREFIX)
        else EntityReference(type="user", name=name)
        for name in each
    )


class DatabaseRules(msgspec.Struct, frozen=True):
    """Filters and owners, decided once per run."""

    databases: EntityFilter
    schemas: EntityFilter
    tables: EntityFilter
    routines: EntityFilter
    owners: Owners
    options: DatabaseMetadata

    @classmethod
    def of(cls, connection: DatabaseConnection, options: DatabaseMetadata) -> "DatabaseRules":
        """The rules of one definition."""

        def both(of_connection: FilterPattern, of_options: FilterPattern) -> EntityFilter:
            return EntityFilter.of(of_connection, of_options, by_fqn=options.use_fqn_for_filtering)

        return cls(
            both(connection.database_filter_pattern, options.database_filter_pattern),
            both(connection.schema_filter_pattern, options.schema_filter_pattern),
            both(connection.table_filter_pattern, options.table_filter_pattern),
            both(connection.stored_procedure_filter_pattern, options.stored_procedure_filter_pattern),
            Owners(options),
            options,
        )
