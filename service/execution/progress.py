"""A report in the words of the REST contract."""

from connectors.report import Report, eta_seconds
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
