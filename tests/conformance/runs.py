"""Runs of any connector against its system."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import msgspec

from connectors import registry
from connectors.cancellation import Cancellation
from connectors.connector import Connector, RunContext
from connectors.models.base import CreateRequest
from connectors.models.database import VIEW_TYPES, CreateTableRequest
from connectors.report import Report
from connectors.runner import TopologyRunner
from connectors.topology import Node
from tests.conformance.systems import System
from tests.in_memory import RecordingSink, Walked
from tests.whole_runs import SINK, source_of

SERVICE = "conformance"


@dataclass(frozen=True)
class Bench:
    """A connector and the system it reads; whole runs are made once and looked at by many tests."""

    name: str
    system: System

    @property
    def connector(self) -> Connector[Any, Any]:
        """The connector."""
        return registry.get(self.name)

    def definition(self, **options: Any) -> dict[str, Any]:
        """A run of the whole system."""
        return {
            "source": source_of(self.name, SERVICE, self.system.connection, {**self.system.options, **options}),
            "sink": SINK,
        }

    def run(self, threads: int, sink: RecordingSink | None = None, cancellation: Cancellation | None = None) -> Walked:
        """Walk the whole system."""
        walked, stop = Walked(sink or RecordingSink(), Report()), cancellation or Cancellation()
        with self._topology(threads, walked.report, stop) as root:
            TopologyRunner(walked.report, stop, threads).run(
                msgspec.structs.replace(root, held=True), walked.sink.write
            )
        return walked

    @property
    def has_scopes(self) -> bool:
        """Whether its family marks what a later attempt may skip."""
        with self._topology(1, Report(), Cancellation()) as root:
            return any(node.scope for node in nodes_below(root))

    def _topology(
        self, threads: int, report: Report, cancellation: Cancellation
    ) -> AbstractContextManager[Node[None, Any]]:
        plan = registry.plan(self.definition(threads=threads))
        assert plan.connection is not None
        context = RunContext(
            service=SERVICE,
            service_type=plan.connector.service_type,
            connection=plan.connection,
            options=plan.options,
            threads=threads,
            report=report,
            cancellation=cancellation,
        )
        return plan.connector.topology(context)

    @cached_property
    def standard(self) -> Walked:
        """A run in the standard flow."""
        return self.run(1)

    @cached_property
    def threaded(self) -> Walked:
        """A run in the multithread flow."""
        return self.run(4)


def nodes_below(node: Node[Any, Any]) -> Iterator[Node[Any, Any]]:
    """A topology's nodes."""
    yield node
    for child in node.children:
        yield from nodes_below(child)


def in_flow(bench: Bench, threads: int) -> Walked:
    """The run that is made once in this flow."""
    return bench.standard if threads == 1 else bench.threaded


def is_view(request: CreateRequest) -> bool:
    """Whether a table is a view."""
    return isinstance(request, CreateTableRequest) and request.table_type in VIEW_TYPES


def impatient(connector: Connector[Any, Any], seconds: float) -> Connector[Any, Any]:
    """The same connector with checks that may take this long."""
    return msgspec.structs.replace(
        connector, checks=tuple(replace(check, timeout_seconds=seconds) for check in connector.checks)
    )
