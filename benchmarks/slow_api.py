"""A catalogue that takes 50 ms for each request: what several in flight are worth."""

import time
from pathlib import Path

from benchmarks.fast_api import fast_api_apart
from benchmarks.results import Table
from connectors.cancellation import Cancellation
from connectors.definition import OpenMetadataConnection
from connectors.models.database import CreateTableRequest, TableType
from connectors.report import Report
from connectors.sinks.metadata_rest import MetadataRestSink
from connectors.sinks.rest_config import MetadataRestConfig, Target

REQUEST_SECONDS = 0.05
IN_FLIGHT = 16
BATCH = 20
REQUESTS = 160


def speedup(folder: Path) -> float:
    """How many times as fast as with one in flight the same requests are delivered."""
    with fast_api_apart(REQUEST_SECONDS) as address:
        return deliver(folder, address, 1) / deliver(folder, address, IN_FLIGHT)


def report(table: Table, times: float) -> None:
    """Its row."""
    table.part(f"An API that takes {1000 * REQUEST_SECONDS:.0f} ms for each request")
    table.line(f"  {IN_FLIGHT} in flight, times as fast as one", f"{times:.1f}", ">= 8")


def deliver(folder: Path, address: str, in_flight: int) -> float:
    """Seconds that all of them take."""
    report = Report()
    connection = OpenMetadataConnection.model_validate({"hostPort": address, "authProvider": "no-auth"})
    config = MetadataRestConfig.model_validate({"bulk_sink_batch_size": BATCH, "inFlight": in_flight})
    target = Target(connection, config, folder / "dead.jsonl")
    began = time.monotonic()
    sink = MetadataRestSink(target, report, Cancellation())
    try:
        for number in range(BATCH * REQUESTS):
            sink.write(table(number))
        sink.close()
    except BaseException:
        sink.abort()
        raise
    if report.total("written") != BATCH * REQUESTS:
        message = f"{report.total('written')} of {BATCH * REQUESTS} entities were written"
        raise SystemExit(message)
    return time.monotonic() - began


def table(number: int) -> CreateTableRequest:
    """A small one."""
    return CreateTableRequest(
        name=f"table_{number}",
        table_type=TableType.REGULAR,
        database_schema="slow.shop.public",
        columns=(),
        table_constraints=(),
    )
