"""The server's automations: what is read of them, and what their runners patch into them."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tests.fake_openmetadata.catalogue import Body, Refused
from tests.fake_openmetadata.schemas import checker

AUTOMATIONS = "automations/workflows"
FIELDS = ("/response", "/status")
RESULT = checker("TestConnectionResult", "status")


@dataclass
class Automation:
    """One automation; `told` are its states and responses, in their order."""

    entity: Body
    told: list[tuple[str, Body]] = field(default_factory=list[tuple[str, Body]])


class Automations:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.made: dict[str, Automation] = {}

    def add(self, name: str, kind: str, connection: Body) -> Automation:
        """Make the test of a connection, as the server's user interface does."""
        request = {"connectionType": kind, "serviceType": "Database", "connection": {"config": connection}}
        entity = {"id": f"id-of-{name}", "name": name, "workflowType": "TEST_CONNECTION", "request": request}
        self.made[name] = automation = Automation(entity)
        return automation

    def answer(self, method: str, rest: str, raw: bytes, query: Mapping[str, str]) -> Body:
        """Show one, or take a JSON patch. Raises Refused."""
        with self._lock:
            if method == "GET" and (name := rest.removeprefix("name/")) in self.made:
                return self.made[name].entity
            found = [each for each in self.made.values() if each.entity["id"] == rest]
            if method != "PATCH" or not found:
                raise Refused(404, f"workflow instance for {rest} not found")
            self._patch(found[0], msgspec.json.decode(raw, type=list[dict[str, Any]]))
            return found[0].entity

    def _patch(self, automation: Automation, changes: list[dict[str, Any]]) -> None:
        if {change["path"] for change in changes} - set(FIELDS) or {change["op"] for change in changes} != {"add"}:
            raise Refused(400, "that is not to be patched")
        for change in changes:
            if change["path"] == "/response" and (error := RESULT(change["value"])):
                raise Refused(400, error)
            automation.entity[change["path"][1:]] = change["value"]
        automation.told.append((automation.entity["status"], automation.entity["response"]))
