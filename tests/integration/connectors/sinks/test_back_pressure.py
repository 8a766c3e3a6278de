"""How far a source runs ahead of a catalogue that is slow: counted from the listing to the server's answer."""

from collections.abc import Iterator
from typing import Any

import pytest

from connectors import runner
from connectors.models.records import Record
from connectors.runner import TopologyRunner
from connectors.topology import Node
from tests.fake_openmetadata import FakeOpenMetadata
from tests.integration.connectors.sinks.harness import Run, table, tree

TABLES = 1500
CHANNEL, BATCH, IN_FLIGHT = 40, 5, 2
ANSWER_SECONDS = 0.003  # of one batch; the source makes a table in some ten microseconds

pytestmark = pytest.mark.timeout(120)


def most_ahead(threads: int) -> int:
    """Every place where a record may be between the source and the answer."""
    walking = 1 if threads == 1 else (CHANNEL + 1) + threads + (threads + 1)
    buffered, put, turns = BATCH, BATCH, 2 * IN_FLIGHT * BATCH
    return walking + buffered + put + turns


@pytest.mark.parametrize("threads", [1, 4])
def test_a_fast_source_runs_ahead_of_a_slow_catalogue_by_a_bounded_number_of_records(
    fake: FakeOpenMetadata, run: Run, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(runner, "CHANNEL_RECORDS", CHANNEL)
    listed, ahead = [0], list[int]()

    def numbers(_nothing: None) -> Iterator[int]:
        for number in range(TABLES):
            listed[0] += 1
            ahead.append(listed[0] - run.report.counts().get("written", 0))
            yield number

    def make(number: int) -> Iterator[Record]:
        yield table(f"t{number}")

    topology: Node[None, Any] = Node(entity="table", name=str, produce=numbers, stages=(make,), parallel=True)
    sink = run.sink(bulk_sink_batch_size=BATCH, inFlight=IN_FLIGHT)
    for record in tree(0):
        sink.write(record)
    sink.flush()
    fake.seconds = ANSWER_SECONDS
    TopologyRunner(run.report, run.cancellation, threads).run(topology, sink.write)
    sink.close()

    assert run.report.counts() == {"written": TABLES}
    assert most_ahead(threads) // 2 < max(ahead) <= most_ahead(threads)
    assert max(ahead) < TABLES / 10
