"""An HTTP server that speaks BigQuery's REST API and answers with rows made by hand."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.answering import Answering, Asked, Status
from tests.bigquery import CATALOG, token
from tests.fake_openmetadata.faults import Fault

PROJECT, DATASET = "acme", "s"
BASE = f"/bigquery/v2/projects/{PROJECT}"
PLACE = f"{BASE}/datasets/{DATASET}"
SqlRow = Sequence[Any]


def table(name: str, kind: str = "TABLE", **more: Any) -> dict[str, Any]:
    """A table in a list."""
    return {"tableReference": {"tableId": name}, "type": kind, "creationTime": "1700000000000", **more}


def refusal(status: int, reason: str, message: str) -> Status:
    """An answer that is an error."""
    told = {"code": status, "message": message, "errors": [{"reason": reason, "message": message}]}
    return Status(status, {"error": told})


class Recorded(Answering):
    """One project with one dataset: its list of tables, and rows by the view that a query reads first.

    Answers come in pages of `page` rows. The first `waiting` answers to each query say that it is not done yet.
    """

    def __init__(
        self,
        tables: Sequence[Mapping[str, Any]],
        views: Mapping[str, Sequence[SqlRow] | Status] | None = None,
        faults: Iterable[Fault] = (),
        page: int = 2,
        waiting: int = 0,
    ) -> None:
        datasets = [{"datasetReference": {"datasetId": DATASET}, "location": "EU"}]
        super().__init__(
            {
                "POST /token": token,
                **CATALOG,
                f"GET {BASE}/datasets": {"kind": "bigquery#datasetList", "datasets": datasets},
                f"GET {PLACE}": {"description": "sales"},
                f"GET {PLACE}/tables": self._listed,
                f"GET {PLACE}/routines": {},
                f"POST {BASE}/queries": self._begun,
            },
            faults,
        )
        self.tables = list(tables)
        self.views = dict(views or {})
        self._page = page
        self._waiting = waiting
        self._jobs: list[str] = []
        self._left: dict[str, int] = {}

    def queries(self) -> list[dict[str, Any]]:
        """What was asked."""
        return [asked.body for asked in self.asked if asked.path == f"{BASE}/queries"]

    def answer(self, asked: Asked) -> Any:
        """Of a query that began: its next page, or that it ends."""
        if asked.path.endswith("/cancel"):
            return Status(200, {"kind": "bigquery#jobCancelResponse"})
        job = re.fullmatch(rf"{BASE}/queries/(\d+)", asked.path)
        return super().answer(asked) if job is None else self._rows(job[1], int(asked.query.get("pageToken", ["0"])[0]))

    def _listed(self, asked: Asked) -> dict[str, Any]:
        first = int(asked.query.get("pageToken", ["0"])[0])
        tables = self.tables[first : first + self._page]
        page = {"kind": "bigquery#tableList", "tables": tables, "totalItems": len(self.tables)}
        rest = first + self._page < len(self.tables)
        return page | ({"nextPageToken": str(first + self._page)} if rest else {})

    def _begun(self, asked: Asked) -> Status:
        with self.lock:
            self._jobs.append(asked.body["query"])
            job = str(len(self._jobs) - 1)
            self._left[job] = self._waiting
        return self._rows(job, 0)

    def _rows(self, job: str, first: int) -> Status:
        view = re.search(r"INFORMATION_SCHEMA\.(\w+)|(__TABLES__)", self._jobs[int(job)])
        found = self.views.get(str(view and (view[1] or view[2])), ())
        if isinstance(found, Status):
            return found
        reference = {"projectId": PROJECT, "jobId": job, "location": "EU"}
        if self._left[job] > 0:
            self._left[job] -= 1
            return Status(200, {"jobComplete": False, "jobReference": reference})
        rows = [{"f": [{"v": value} for value in row]} for row in found[first : first + self._page]]
        rest = {"pageToken": str(first + self._page)} if first + self._page < len(found) else {}
        return Status(200, {"jobComplete": True, "jobReference": reference, "rows": rows, **rest})
