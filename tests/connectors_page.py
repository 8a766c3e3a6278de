"""docs/connectors.md, made of what the connectors declare: `python -m tests.connectors_page` writes it anew."""

import sys
from collections.abc import Iterator
from typing import Any

from connectors import registry
from connectors.connector import Connector
from connectors.definition import SERVICE_CONNECTION, Unused
from tests.sharing import REPOSITORY

PAGE = REPOSITORY / "docs" / "connectors.md"
HEAD = """# Connectors

Made from what the connectors declare, by `python -m tests.connectors_page`; a test fails when the two differ.
Options are the keys of `source.serviceConnection.config`. Those without effect are accepted, with a note in the
answer, as they concern OpenMetadata's other workflows; every other key is refused by name.
"""


def own_names() -> list[str]:
    """The connectors of this distribution."""
    return [name for name in registry.names() if registry.get(name).config.__module__.startswith("connectors.")]


def page() -> str:
    """The whole page."""
    return HEAD + "".join(f"\n{section(registry.get(name))}" for name in own_names())


def section(connector: Connector[Any, Any]) -> str:
    """What is said of one connector."""
    needed = connector.driver is not None and connector.driver not in sys.stdlib_module_names
    driver = f"`pip install 'headwater[{connector.name}]'`" if needed else "none"
    own = connector.connection_path == SERVICE_CONNECTION
    kind = (
        f"OpenMetadata's service type `{connector.service_type}`" if own else "Of the service that `serviceName` says"
    )
    lines = [f"## {connector.name}", "", f"{kind}. Driver: {driver}.", ""]
    lines += [f"- Reads: {', '.join(sorted(connector.capabilities))}.", f"- Tested on: {connector.tested}."]
    if not own:
        lines.append(f"- Options are the keys of `{'.'.join(connector.connection_path)}`.")
    lines += [f"- Steps of the connection test: {', '.join(check.name for check in connector.checks)}.", ""]
    lines += ["| option | default |", "|---|---|", *options(connector), ""]
    unused = [f"`{key}`" for key, info in fields(connector) if any(isinstance(mark, Unused) for mark in info.metadata)]
    lines += [f"Without effect: {', '.join(unused)}.", ""]
    if connector.grants:
        language = {"{": "json", "#": "sh"}.get(connector.grants[0], "sql")
        lines += ["Rights that a run needs:", "", f"```{language}", connector.grants, "```", ""]
    return "\n".join(lines)


def fields(connector: Connector[Any, Any]) -> Iterator[tuple[str, Any]]:
    """The options by the keys that users write."""
    for name, info in connector.config.model_fields.items():
        yield info.alias or name, info


def options(connector: Connector[Any, Any]) -> Iterator[str]:
    """A line for each option that changes something."""
    properties = connector.config.model_json_schema()["properties"]
    for key, info in fields(connector):
        if not any(isinstance(mark, Unused) for mark in info.metadata):
            default = properties[key].get("default")
            shown = "required" if info.is_required() else "" if default in (None, {}) else f"`{default}`"
            yield f"| `{key}` | {shown} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
