"""Elasticsearch as it was last open source, one node, which has no security and no data streams."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tests.systems.search_node import TYPES, Request, compile_node, serving

CONTENT: tuple[Request, ...] = (("PUT", "/types", {"mappings": {"properties": TYPES}}),)


def prepare() -> None:
    """Compile what runs it."""
    compile_node("elasticsearch", ("percolator.PercolatorPlugin",))


def start(folder: Path) -> AbstractContextManager[dict[str, Any]]:
    """A server of this process's own; see tests.sharing."""
    return serving("elasticsearch", folder, CONTENT)
