"""The OpenAPI document, and a page that shows it without anything from elsewhere."""

from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any, cast

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse

from service.api import examples
from service.api.bodies import JSON_TYPE, YAML_TYPES
from service.api.errors import KINDS, PROBLEM_JSON, ProblemDocument

DESCRIPTION = (
    "Schedules metadata ingestion. Workflows hold definitions as OpenMetadata takes them; their schedules, or a "
    "request, make runs of them. Bodies are JSON or YAML. Every error is a problem document (RFC 9457)."
)
FIRST_ERROR = 400

router = APIRouter(include_in_schema=False)

Node = dict[str, Any]


def tags() -> list[Node]:
    """The groups of endpoints."""
    return [
        {"name": "workflows", "description": "Definitions: what is ingested, when, under which policy."},
        {"name": "runs", "description": "Executions of workflows: start, follow, cancel, retry, read."},
        {"name": "connectors", "description": "The systems that can be ingested from."},
        {"name": "secrets", "description": "Values that definitions refer to as `secret:<name>`."},
        {"name": "health", "description": "Probes and metrics."},
    ]


def problem_responses() -> dict[int | str, Node]:
    """The errors that any endpoint may answer with."""
    titles = {kind.status: kind.title for _, kind in reversed(KINDS)}
    return {status: {"model": ProblemDocument, "description": title} for status, title in sorted(titles.items())}


def complete(app: FastAPI) -> None:
    """Let the app's document say what fastapi cannot know: media types of errors and bodies, examples."""
    generate = app.openapi
    app.openapi = _completed(generate)


def _completed(generate: Callable[[], Node]) -> Callable[[], Node]:
    @cache
    def document() -> Node:
        generated = generate()
        for operation in _operations(generated):
            _complete_operation(operation)
        schemas = generated["components"]["schemas"]
        for name, example in (("WorkflowCreate", examples.SHOP), ("RunRead", examples.RUN)):
            schemas[name]["examples"] = [example]
        schemas["ProblemDocument"]["examples"] = [examples.PROBLEM]
        return generated

    return document


def _operations(document: Node) -> Iterator[Node]:
    for path in cast("dict[str, dict[str, Node]]", document["paths"]).values():
        yield from path.values()


def _complete_operation(operation: Node) -> None:
    for status, response in cast("dict[str, Node]", operation["responses"]).items():
        content = cast("Node", response.get("content", {}))
        if status.isdecimal() and int(status) >= FIRST_ERROR and JSON_TYPE in content:
            content[PROBLEM_JSON] = content.pop(JSON_TYPE)
    body = cast("Node", operation.get("requestBody", {}))
    if body:
        body["content"] = body["content"] | {YAML_TYPES[0]: body["content"][JSON_TYPE]}


@router.get("/docs")
def docs() -> HTMLResponse:
    """The OpenAPI document for people."""
    return HTMLResponse(files("service.api").joinpath("docs.html").read_text(encoding="utf-8"))
