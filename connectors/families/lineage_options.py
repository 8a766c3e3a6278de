"""`lineageInformation` of families that read tables of database services."""

from connectors.definition import Model


class LineageInformation(Model):
    """The services in which tables are looked for: `service`, `service.database` or `service.database.schema`."""

    db_service_prefixes: tuple[str, ...] = ()
