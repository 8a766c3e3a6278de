"""What Dagster 1.13 answers of one job of one code location, cut to what is asked for."""

from typing import Any

from tests.answering import Asked

OP: dict[str, Any] = {
    "handleID": "load",
    "solid": {"definition": {"__typename": "SolidDefinition", "description": "Loads."}, "outputs": []},
}
RUN = {
    "runId": "r1",
    "status": "FAILURE",
    "startTime": 1795623360.5,
    "repositoryOrigin": None,
    "stepStats": [
        {"stepKey": "load[2]", "status": "FAILURE", "startTime": 1795623361.0, "endTime": 1795623362.0},
        {"stepKey": "of older code", "status": "SUCCESS"},
    ],
}
PARTS: dict[str, Any] = {
    "workspaceOrError": {
        "__typename": "Workspace",
        "locationEntries": [
            {
                "name": "shop.py",
                "locationOrLoadError": {
                    "__typename": "RepositoryLocation",
                    "repositories": [{"name": "__repository__"}],
                },
            }
        ],
    },
    "repositoryOrError": {"__typename": "Repository", "jobs": [{"name": "load_orders"}], "schedules": []},
    "__type": {"fields": [{"name": "name"}]},
    "job": {"__typename": "Pipeline", "solidHandles": [OP]},
    "runs": {"__typename": "Runs", "results": [RUN]},
}


def answering(parts: dict[str, Any]) -> dict[str, Any]:
    """The whole API: of each question the parts that it asks for, those of jobs for each of them."""

    def answer(asked: Asked) -> dict[str, Any]:
        query = asked.body["query"]
        data = {key: part for key, part in parts.items() if f"{key}(" in query or f"{key} {{" in query}
        for key in ("job", "runs"):
            data |= {f"{key}{n}": parts[key] for n in range(20) if f"{key}{n}: " in query}
        return {"data": data}

    return {"POST /graphql": answer}
