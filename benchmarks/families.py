"""Topics and containers of large generated systems: what one costs, and whether that or memory grows with their number.

`python -m benchmarks.families` measures all, each run in a process of its own. The systems are generated where a
connector would ask one, so that only what the families do is measured: walking, reading schemas and files, making and
encoding requests.
"""

import argparse
import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from benchmarks.parts import attempt
from benchmarks.process import peak_megabytes, process_cpu_seconds
from benchmarks.results import Table
from benchmarks.running import ROOT, environment
from connectors.cancellation import Cancellation
from connectors.connector import RunContext
from connectors.definition import Model, SourceOptions
from connectors.families.message_schemas import avro
from connectors.families.messaging import FoundSchema, MessagingConnection, MessagingMetadata, MessagingWalk, Topic
from connectors.families.storage.objects import Bucket, StoredObject
from connectors.families.storage.options import StorageConnection, StorageMetadata
from connectors.families.storage.walk import StorageWalk
from connectors.models.base import Request
from connectors.models.messaging import MessageSchema
from connectors.models.records import Record
from connectors.report import Report
from connectors.runner import TopologyRunner
from connectors.topology import Node

# What one costs differs by kind: a container is a file that is read.
SIZES = {"topics": (1_000, 10_000), "containers": (100, 1_000)}
SECONDS = 180
FIELDS = 20
FILES_PER_FOLDER = 100
SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "Event",
        "fields": [
            {"name": f"field_{place}", "type": ["null", "string"], "doc": "Generated."} for place in range(FIELDS)
        ],
    }
)


@dataclass(frozen=True, slots=True)
class Topics:
    """A MessagingSource of `number` topics, each with a schema of its own."""

    number: int

    def count(self) -> int:
        """See MessagingSource."""
        return self.number

    def topics(self) -> Iterator[Topic]:
        """See MessagingSource."""
        return (Topic(f"topic-{place:06}", partitions=3) for place in range(self.number))

    def schema(self, _topic: str, /) -> FoundSchema:
        """See MessagingSource."""
        return FoundSchema(
            MessageSchema(schema_text=SCHEMA, schema_type="Avro", schema_fields=avro.fields_of(SCHEMA, ()))
        )


@dataclass(frozen=True, slots=True)
class Objects:
    """An ObjectStore with one bucket: half of its `number` containers are paths of CSV files, half are pictures."""

    number: int

    def buckets(self) -> Iterable[Bucket]:
        """See ObjectStore."""
        return [Bucket("lake")]

    def level(self, _bucket: str, prefix: str, /) -> Iterator[StoredObject]:
        """See ObjectStore."""
        return (StoredObject(f"{prefix}table-{place:06}/") for place in range(self.number // 2))

    def objects(self, _bucket: str, prefix: str, /) -> Iterator[StoredObject]:
        """See ObjectStore."""
        if not prefix.startswith("album"):
            return iter([StoredObject(f"{prefix}part-0.csv", len(ROWS))])
        half = range(self.number // 2)
        return (StoredObject(f"{prefix}{place // FILES_PER_FOLDER:06}/{place:06}.png", 1) for place in half)

    def read(self, _bucket: str, key: str, start: int, length: int, /) -> bytes:
        """See ObjectStore."""
        return (MANIFEST if key.endswith(".json") else ROWS)[start : start + length]

    def tags(self, _bucket: str, _key: str = "", /) -> Mapping[str, str]:
        """See ObjectStore."""
        return {}

    def page(self, _bucket: str, _prefix: str = "", /) -> None:
        """See ObjectStore."""

    def full_path(self, bucket: str, path: str = "", /) -> str:
        """See ObjectStore."""
        return f"s3://{bucket}/{path}"


def rows() -> bytes:
    """A file of 20 columns and 100 rows."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(f"column_{place}" for place in range(FIELDS))
    writer.writerows([f"{row}.{place}" for place in range(FIELDS)] for row in range(100))
    return text.getvalue().encode()


ROWS = rows()
MANIFEST = json.dumps(
    {
        "entries": [
            {"dataPath": "tables/*", "structureFormat": "csv"},
            {"dataPath": "album", "unstructuredFormats": ["png"]},
        ]
    }
).encode()


def topics(number: int) -> Node[None, Any]:
    """The tree of a run over so many topics."""
    return MessagingWalk(context("Kafka", MessagingConnection(), MessagingMetadata()), Topics(number)).topology()


def containers(number: int) -> Node[None, Any]:
    """The tree of a run over so many containers."""
    options = StorageMetadata()
    return StorageWalk(context("S3", StorageConnection(), options), Objects(number), tuple).topology()


def context(kind: str, connection: Model, options: SourceOptions) -> RunContext[Any, Any]:
    """A run by one thread."""
    return RunContext("bench", kind, connection, options, 1, Report(), Cancellation())


KINDS: Mapping[str, Callable[[int], Node[None, Any]]] = {"topics": topics, "containers": containers}


def walk(kind: str, number: int) -> None:
    """Make and encode all requests; print how many there were, what that cost and the most memory it took."""
    made, encoder = [0], msgspec.json.Encoder()

    def write(record: Record) -> None:
        if isinstance(record, Request):
            encoder.encode(record)
            made[0] += 1

    before = process_cpu_seconds(os.getpid())
    TopologyRunner(Report(), Cancellation()).run(KINDS[kind](number), write)
    cost = process_cpu_seconds(os.getpid()) - before
    sys.stdout.write(json.dumps([made[0], cost, peak_megabytes(os.getpid())]))


def measure(table: Table) -> None:
    """All kinds and sizes, each in a process of its own."""
    for kind in KINDS:
        attempt(table, kind, SECONDS, lambda kind=kind: measure_kind(table, kind))


def measure_kind(table: Table, kind: str) -> None:
    """One kind in its sizes."""
    table.part(f"A generated system of {kind}, threads 1, to no server")
    runs = [in_process(kind, number) for number in SIZES[kind]]
    for made, cost, peak in runs:
        table.line(f"  {made:,} requests: CPU for each", f"{1000 * cost / made:.2f} ms")
        table.line(f"  {made:,} requests: peak memory", f"{peak:.0f} MB")
    (few, cheap, low), (many, dear, high) = runs
    table.line(f"  {round(many / few)} x the {kind}: CPU for each", f"x {(dear / many) / (cheap / few):.2f}", "flat")
    table.line(f"  {round(many / few)} x the {kind}: peak memory", f"{high - low:+.0f} MB", "flat")


def in_process(kind: str, number: int) -> tuple[int, float, float]:
    """One run in a new process."""
    command = [sys.executable, "-m", "benchmarks.families", kind, str(number)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), check=True, stdout=subprocess.PIPE)
    made, cost, peak = json.loads(done.stdout)
    return made, cost, peak


def main() -> None:
    """By itself: all of it, or one run."""
    parser = argparse.ArgumentParser("benchmarks.families")
    parser.add_argument("kind", nargs="?", choices=list(KINDS))
    parser.add_argument("number", nargs="?", type=int)
    given = parser.parse_args()
    if given.kind:
        walk(given.kind, given.number)
    else:
        measure(Table())


if __name__ == "__main__":
    main()
