"""OpenSearch, one node, without its security plugin."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tests.systems.search_node import TYPES, Request, compile_node, serving

OWN_TYPES: dict[str, Any] = {
    "labels": {"type": "flat_object"}, "pattern": {"type": "wildcard"}, "huge": {"type": "unsigned_long"},
    "area": {"type": "geo_shape"}, "shop": {"type": "constant_keyword", "value": "x"},
}  # fmt: skip
CONTENT: tuple[Request, ...] = (
    ("PUT", "/types", {"mappings": {"properties": {**TYPES, **OWN_TYPES}}}),
    (
        "PUT",
        "/_index_template/logs",
        {
            "index_patterns": ["logs-*"],
            "data_stream": {},
            "template": {"mappings": {"properties": {"message": {"type": "text"}}}},
        },
    ),
    ("PUT", "/_data_stream/logs-app", None),
    ("POST", "/logs-app/_rollover", None),
)


def prepare() -> None:
    """Compile what runs it."""
    compile_node("opensearch", ("percolator.PercolatorPlugin", "geo.GeoModulePlugin"))


def start(folder: Path) -> AbstractContextManager[dict[str, Any]]:
    """A server of this process's own; see tests.sharing."""
    return serving("opensearch", folder, CONTENT)
