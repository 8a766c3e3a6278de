"""A report in the words of the REST contract."""

from collections.abc import Mapping

from connectors.report import Report
from service.workflows.documents import Json

OUTCOMES = ("written", "unchanged", "filtered", "failed", "deleted")


def counts_document(report: Report) -> Json:
    """Totals by outcome, and `byType` the same for each entity type; zeroes of a type are left out."""
    by_type = report.snapshot_counts()
    totals = {outcome: sum(counts.get(outcome, 0) for counts in by_type.values()) for outcome in OUTCOMES}
    return {**totals, "byType": {entity: dict(counts) for entity, counts in by_type.items()}}


def progress_document(report: Report, seconds: float) -> Json:
    """Processed and expected items by entity type, and `etaSeconds` where there is something to tell it from."""
    states = report.snapshot_progress()
    document: Json = {
        entity: {"processed": processed, "expected": expected} for entity, (processed, expected) in states.items()
    }
    document["etaSeconds"] = eta_seconds(states, seconds)
    return document


def eta_seconds(states: Mapping[str, tuple[int, int | None]], seconds: float) -> int | None:
    """Seconds to go if the rest takes as long as what is done did; None while that cannot be told."""
    known = [(processed, expected) for processed, expected in states.values() if expected is not None]
    processed = sum(done for done, _ in known)
    expected = sum(total for _, total in known)
    if processed == 0 or expected == 0:
        return None
    return round(seconds * max(0, expected - processed) / processed)
