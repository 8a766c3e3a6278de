"""`lineageInformation` of families that read tables of database services."""

from pydantic import field_validator

from connectors.definition import Model
from connectors.models.names import split_fqn


class LineageInformation(Model):
    """The services in which tables are looked for: `service`, `service.database` or `service.database.schema`."""

    db_service_prefixes: tuple[str, ...] = ()

    @field_validator("db_service_prefixes")
    @classmethod
    def _are_names(cls, prefixes: tuple[str, ...]) -> tuple[str, ...]:
        for prefix in prefixes:
            if not prefix or not all(split_fqn(prefix)):
                msg = f"{prefix!r} is not the name of a service; write service, or service.database.schema"
                raise ValueError(msg)
        return prefixes
