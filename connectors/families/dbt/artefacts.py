"""dbt's artefacts, read whole and decoded late: a manifest is held as its bytes, and its nodes as places in them."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

import msgspec

from connectors.cancellation import Cancellation
from connectors.decoding import decode
from connectors.errors import FatalError, SourceUnavailable, cause_of
from connectors.families.dbt.config import Artefact, DbtArtefacts
from connectors.families.rest import RestLimits
from connectors.families.whole_files import Absent
from connectors.report import Report

SCHEMA = re.compile(r"/dbt/(?P<kind>[a-z-]+)/v(?P<version>\d+)\.json$")
KINDS: Mapping[Artefact, str] = {
    "manifest": "manifest",
    "catalog": "catalog",
    "run_results": "run-results",
    "sources": "sources",
}
# The versions of dbt Core 1.3 to 1.11. Older manifests name the text of a model in another way.
VERSIONS: Mapping[Artefact, tuple[int, int]] = {
    "manifest": (7, 12),
    "catalog": (1, 1),
    "run_results": (4, 6),
    "sources": (3, 3),
}
TRUNCATED = "truncated"
Nodes = dict[str, msgspec.Raw]
T = TypeVar("T", bound="Document")


class Metadata(msgspec.Struct, frozen=True):
    """What an artefact says of itself; `dbt_schema_version` is the address of its schema."""

    dbt_schema_version: str = ""
    dbt_version: str = "unknown"
    generated_at: datetime | None = None
    adapter_type: str | None = None


class Document(msgspec.Struct, frozen=True):
    """Any artefact."""

    metadata: Metadata = Metadata()


class Manifest(Document, frozen=True):
    """What a project is made of; each node is decoded when it is looked at."""

    nodes: Nodes = {}
    sources: Nodes = {}
    exposures: Nodes = {}
    groups: Nodes = {}


class Catalog(Document, frozen=True):
    """What the warehouse said of the tables."""

    nodes: Nodes = {}
    sources: Nodes = {}


class Timing(msgspec.Struct, frozen=True):
    """When a part of the work on a node ended."""

    name: str
    completed_at: datetime | None = None


class RunResult(msgspec.Struct, frozen=True):
    """What became of a node in the last command; `failures` counts rows."""

    unique_id: str
    status: str
    timing: tuple[Timing, ...] = ()
    message: str | None = None
    failures: int | None = None


class RunResults(Document, frozen=True):
    """What became of all of them."""

    results: tuple[RunResult, ...] = ()


class Freshness(msgspec.Struct, frozen=True):
    """How old what is in a source is, in seconds; or why that could not be told."""

    unique_id: str
    status: str
    snapshotted_at: datetime | None = None
    max_loaded_at: datetime | None = None
    max_loaded_at_time_ago_in_s: float | None = None
    error: str | None = None


class SourceResults(Document, frozen=True):
    """How old all of them are."""

    results: tuple[Freshness, ...] = ()


class Artefacts(msgspec.Struct, frozen=True):
    """All that there are; None where one is not."""

    manifest: Manifest
    catalog: Catalog | None
    run_results: RunResults | None
    sources: SourceResults | None


class Reader(msgspec.Struct, frozen=True):
    """Reads artefacts for one run or one check."""

    config: DbtArtefacts
    report: Report
    cancellation: Cancellation
    limits: RestLimits

    def all(self) -> Artefacts:
        """All that there are; raises like `manifest` and `other`."""
        return Artefacts(
            self.manifest(),
            self.other("catalog", Catalog),
            self.other("run_results", RunResults),
            self.other("sources", SourceResults),
        )

    def manifest(self) -> Manifest:
        """The one that has to be there.

        Raises:
            ConnectorError, FatalError, SourceUnavailable: It cannot be read, or is none.
        """
        found = self._read("manifest", Manifest)
        if found is None:
            msg = "there is no manifest"
            raise FatalError(msg, "say in dbtConfigSource where it is")
        return found

    def other(self, artefact: Artefact, kind: type[T]) -> T | None:
        """Another; None where the user named none, or their folder has none. Raises like `manifest`."""
        try:
            return self._read(artefact, kind)
        except Absent:
            if self.config.named:
                raise
            return None

    def _read(self, artefact: Artefact, kind: type[T]) -> T | None:
        file = self.config.file(artefact)
        if file is None:
            return None
        return decoded(file.read(self.report, self.cancellation, self.limits), artefact, kind, file.shown)


def decoded(text: bytes, artefact: Artefact, kind: type[T], shown: str) -> T:
    """The artefact in a file, which `shown` names in messages.

    Raises:
        FatalError: It is none, or of a version that is not known.
        SourceUnavailable: It ends too early: it may be being written.
    """
    advice = "have dbt write it anew, with dbt build or dbt docs generate"
    try:
        head = decode(text, Document).metadata
        _require_known(head, artefact, shown)
        return decode(text, kind)
    except msgspec.MsgspecError as error:
        msg = f"{shown} is not dbt's {artefact}.json: {error}"
        kind_of_error = SourceUnavailable if TRUNCATED in str(error) else FatalError
        raise kind_of_error(msg, advice) from error
    except (UnicodeDecodeError, RecursionError) as error:
        msg = f"{shown} is not dbt's {artefact}.json: {cause_of(error)}"
        raise FatalError(msg, advice) from error


def _require_known(head: Metadata, artefact: Artefact, shown: str) -> None:
    found = SCHEMA.search(head.dbt_schema_version)
    if found is None:
        msg = f"{shown} does not say that it is dbt's {artefact}.json: it has no metadata.dbt_schema_version"
        raise FatalError(msg, f"name the {artefact}.json that dbt writes to its target folder")
    if found["kind"] != KINDS[artefact]:
        msg = f"{shown} is dbt's {found['kind']}, not its {artefact}.json"
        raise FatalError(msg, "correct dbtConfigSource")
    oldest, newest = VERSIONS[artefact]
    if not oldest <= int(found["version"]) <= newest:
        known = f"v{oldest}" if oldest == newest else f"v{oldest} to v{newest}"
        msg = f"{shown} is a {artefact} of version v{found['version']}, by dbt {head.dbt_version}; known are {known}"
        raise FatalError(msg, "write it with dbt Core 1.3 to 1.11")
