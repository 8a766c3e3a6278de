"""The OpenMetadata API that the service delivers to, which can be made to wait, and what it was told."""

import threading
from types import TracebackType
from typing import Any

from typing_extensions import override

from tests.eventually import eventually
from tests.fake_openmetadata import FakeOpenMetadata, Fault, Manners, Request

TOKEN = "the-bots-token"
TOLD = ("services/databaseServices", "databases", "databaseSchemas", "tables", "storedProcedures")


class Catalogue(FakeOpenMetadata):
    """A strict OpenMetadata in memory that can hold back its answers, so that a run goes on for as long as needed."""

    def __init__(self, manners: Manners | None = None, port: int = 0, version: str = "2.0.7") -> None:
        super().__init__(version, token=TOKEN, manners=manners, port=port)
        self._held = ""
        self._open = threading.Event()
        self._open.set()
        self._waiting: list[Request] = []

    def hold(self, path: str = "/bulk") -> None:
        """From now on, leave requests whose path ends so without an answer."""
        self._held = path
        self._waiting.clear()
        self._open.clear()

    def is_holding(self) -> bool:
        """Whether somebody came who gets no answer."""
        return bool(self._waiting)

    def wait_until_held(self) -> None:
        """Return when somebody waits for an answer."""
        eventually(self.is_holding, "a request is held back")

    def release(self) -> None:
        """Answer all that wait, and whoever comes."""
        self._open.set()

    @override
    def arrived(self, request: Request) -> Fault | None:
        fault = super().arrived(request)
        if not self._open.is_set() and request.path.endswith(self._held):
            self._waiting.append(request)
            self._open.wait()
        return fault

    @override
    def __enter__(self) -> "Catalogue":
        super().__enter__()
        return self

    @override
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        super().__exit__(kind, error, trace)

    def contents(self) -> dict[str, dict[str, Any]]:
        """Every request that made what the catalogue holds now, by collection and name."""
        return {collection: self.entities(collection) for collection in TOLD}

    def names(self) -> dict[str, set[str]]:
        """The names of what the catalogue holds, by collection."""
        return {collection: set(entities) for collection, entities in self.contents().items()}
