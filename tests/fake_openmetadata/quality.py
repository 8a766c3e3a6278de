"""Data quality as the fake server keeps it, by the real one's rules: definitions, cases, results."""

import re
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from connectors.models.names import child_fqn, fqn, split_fqn
from tests.fake_openmetadata.catalogue import Body, Catalogue, Refused
from tests.fake_openmetadata.schemas import checker

QUALITY = "dataQuality"
DEFINITIONS, CASES, RESULTS = "testDefinitions", "testCases", "testCases/testCaseResults"
LINK = re.compile(r"<#E::table::(?P<table>(?:(?!::).)+)(?:::columns::(?P<column>.+))?>")
RESULT_KEYS = {"timestamp", "testCaseStatus", "result", "testResultValue"}
STATUSES = {"Success", "Failed", "Aborted", "Queued"}
DEFINITION, CASE = checker("CreateTestDefinitionRequest"), checker("CreateTestCaseRequest")


@dataclass
class Quality:
    """Thread-safe; `results` are by the names of their cases, in the order they came."""

    catalogue: Catalogue
    definitions: dict[str, Body] = field(default_factory=dict[str, Body])
    cases: dict[str, Body] = field(default_factory=dict[str, Body])
    results: dict[str, list[Body]] = field(default_factory=dict[str, list[Body]])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, rest: str, raw: bytes, query: Mapping[str, str]) -> Body:
        """Keep or tell; raises Refused."""
        body = msgspec.json.decode(raw or b"{}", type=Body)
        name = rest.removeprefix(f"{RESULTS}/")
        with self._lock:
            if method == "PUT" and rest == DEFINITIONS:
                return self._define(body)
            if method == "PUT" and rest == CASES:
                return self._add(body)
            if method == "POST" and name != rest:
                return self._tell(name, body)
            if method == "GET" and name != rest:
                return self._told(name, int(query["startTs"]), int(query["endTs"]))
        raise Refused(404, "HTTP 404 Not Found")

    def _define(self, body: Body) -> Body:
        if error := DEFINITION(body):
            raise Refused(400, error)
        self.definitions[fqn(body["name"])] = body
        return _shown(body)

    def _add(self, body: Body) -> Body:
        if error := CASE(body):
            raise Refused(400, error)
        link = LINK.fullmatch(body["entityLink"])
        if link is None:
            raise Refused(400, f"Entity link {body['entityLink']} is not one of a table")
        definition = self.definitions.get(body["testDefinition"])
        if definition is None:
            raise Refused(404, f"testDefinition instance for {body['testDefinition']} not found")
        known = {each["name"] for each in definition.get("parameterDefinition") or ()}
        if not {each["name"] for each in body.get("parameterValues") or ()} <= known:
            raise Refused(400, "Parameter Values doesn't match Test Definition Parameters")
        parent = self._parent(link["table"], link["column"])
        self.cases[child_fqn(parent, body["name"])] = body
        return _shown(body)

    def _parent(self, table: str, column: str | None) -> str:
        found = self.catalogue.find("tables", table)
        if found is None:
            raise Refused(404, f"table instance for {table} not found")
        if column is None:
            return table
        if column not in {each["name"] for each in found.request["columns"]}:
            raise Refused(400, f"Invalid column name {column}")
        return child_fqn(table, column)

    def _tell(self, case: str, body: Body) -> Body:
        split_fqn(case)
        if case not in self.cases:
            raise Refused(404, f"testCase instance for {case} not found")
        if not set(body) <= RESULT_KEYS or body.get("testCaseStatus") not in STATUSES:
            raise Refused(400, "Unable to process JSON")
        told = self.results.setdefault(case, [])
        if not isinstance(body.get("timestamp"), int) or body["timestamp"] in {each["timestamp"] for each in told}:
            raise Refused(409, "Entity already exists")
        told.append(body)
        return body

    def _told(self, case: str, begin: int, end: int) -> Body:
        found = [each for each in self.results.get(case, ()) if begin <= each["timestamp"] <= end]
        return {"data": found, "paging": {"total": len(found)}}


def _shown(body: Body) -> Body:
    return {"id": str(uuid.uuid4()), **body}
