"""The service that a run's entities lie in: one kind for each family of systems."""

from typing import Any, ClassVar

from connectors.models.base import CreateRequest, EntityReference


class CreateServiceRequest(CreateRequest, frozen=True, kw_only=True):
    """A service; `connection` is left out when it is not to be stored on the server."""

    rank: ClassVar[int] = 0
    bulk: ClassVar[bool] = False
    hashed: ClassVar[bool] = False

    service_type: str
    connection: dict[str, Any] | None = None
    owners: tuple[EntityReference, ...] = ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.service_type!r})"
