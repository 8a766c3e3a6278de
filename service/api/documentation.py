"""The OpenAPI document, and a page that shows it without anything from elsewhere."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from http import HTTPStatus
from importlib.resources import files
from typing import Any, cast

from fastapi import APIRouter, FastAPI
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute

from service.api import examples
from service.api.bodies import JSON_TYPE, YAML_TYPES, DocumentRoute
from service.api.callers import needs, required_role
from service.api.errors import KINDS, PROBLEM_JSON, ProblemDocument
from service.api.preconditions import IF_MATCH

DESCRIPTION = (
    "Schedules metadata ingestion. Workflows hold definitions as OpenMetadata takes them; their schedules, or a "
    "request, make runs of them. Bodies are JSON or YAML. Every error is a problem document (RFC 9457). Where the "
    "service asks for API keys, they are sent as `Authorization: Bearer hw_...`; `x-required-role` is the least role."
)
REFERENCE = "#/components/schemas/{model}"
SCHEME = "apiKey"

router = APIRouter(include_in_schema=False)

Node = dict[str, Any]


def tags() -> list[Node]:
    """The groups of endpoints."""
    return [
        {"name": "workflows", "description": "Definitions: what is ingested, when, under which policy."},
        {"name": "runs", "description": "Executions of workflows: start, follow, cancel, retry, read."},
        {"name": "connectors", "description": "The systems that can be ingested from."},
        {"name": "secrets", "description": "Values that definitions refer to as `secret:<name>`."},
        {"name": "keys", "description": "API keys and their roles: viewer, operator, admin."},
        {"name": "audit", "description": "Who changed what, and when."},
        {"name": "health", "description": "Probes and metrics."},
    ]


def problem_responses() -> dict[int | str, Node]:
    """The errors that any endpoint may answer with.

    By reference: for a model, fastapi would build a validator for each status of each endpoint at the first request.
    """
    titles = {kind.status: kind.title for _, kind in reversed(KINDS)}
    content = {PROBLEM_JSON: {"schema": {"$ref": REFERENCE.format(model=ProblemDocument.__name__)}}}
    return {status: {"description": title, "content": content} for status, title in sorted(titles.items())}


def complete(app: FastAPI, routes: Iterable[APIRoute]) -> None:
    """Let the document say what fastapi cannot know: shape of errors, media types of bodies, roles, examples."""
    guarded = [route for route in routes if isinstance(route, DocumentRoute)]
    app.openapi = _completed(app.openapi, guarded)


def _completed(generate: Callable[[], Node], guarded: Iterable[DocumentRoute]) -> Callable[[], Node]:
    @cache
    def document() -> Node:
        generated = generate()
        for operation in _operations(generated):
            _complete_body(operation)
            if not any(parameter["name"] == IF_MATCH for parameter in operation.get("parameters", [])):
                operation["responses"].pop(str(HTTPStatus.PRECONDITION_FAILED.value), None)
        for route in guarded:
            for method in route.methods or ():
                operation = generated["paths"][route.path_format][method.lower()]
                operation |= {"security": [{SCHEME: []}]} | needs(required_role(route))
        generated["components"]["securitySchemes"] = {SCHEME: {"type": "http", "scheme": "bearer"}}
        schemas = generated["components"]["schemas"]
        schemas |= _problem_schemas()
        for name, example in (("WorkflowCreate", examples.SHOP), ("RunRead", examples.RUN)):
            schemas[name]["examples"] = [example]
        schemas["ProblemDocument"]["examples"] = [examples.PROBLEM]
        return generated

    return document


def _operations(document: Node) -> Iterator[Node]:
    for path in cast("dict[str, dict[str, Node]]", document["paths"]).values():
        yield from path.values()


def _problem_schemas() -> Node:
    problem = ProblemDocument.model_json_schema(ref_template=REFERENCE, mode="serialization")
    return problem.pop("$defs") | {ProblemDocument.__name__: problem}


def _complete_body(operation: Node) -> None:
    body = cast("Node", operation.get("requestBody", {}))
    if body:
        body["content"] = body["content"] | {YAML_TYPES[0]: body["content"][JSON_TYPE]}


@router.get("/docs")
def docs() -> HTMLResponse:
    """The OpenAPI document for people."""
    page = files("service.api").joinpath("docs.html").read_text(encoding="utf-8")
    return HTMLResponse(page, headers={"Content-Security-Policy": _policy(page)})


def _policy(page: str) -> str:
    """What the page may do: run the script that stands in it, and no other, and fetch the document."""
    digests = {
        tag: " ".join(_source(text) for text in re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL))
        for tag in ("script", "style")
    }
    return (
        f"default-src 'none'; script-src {digests['script']}; style-src {digests['style']}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _source(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
