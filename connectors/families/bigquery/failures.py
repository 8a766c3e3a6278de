"""What BigQuery refuses, with the role that would let the user in."""

from collections.abc import Generator
from contextlib import contextmanager

from connectors.errors import FatalError
from connectors.families.partial_failures import Refused

JOBS = "bigquery.jobs.create"
DISABLED = ("has not been used in project", "SERVICE_DISABLED", "it is disabled")


@contextmanager
def explained(subject: str) -> Generator[None]:
    """Refusals while `subject` is read, with a mend.

    Raises:
        FatalError: The user may ask no queries at all, or the API is off.
        Refused: The user may not read this.
    """
    try:
        yield
    except Refused as error:
        message = f"{subject}: {error.message}"
        if JOBS in error.message:
            advice = "grant roles/bigquery.jobUser in the project that is charged, or correct billingProjectId"
            raise FatalError(message, advice) from error
        if any(mark in error.message for mark in DISABLED):
            raise FatalError(message, "have the BigQuery API enabled in this project") from error
        raise Refused(message, "grant roles/bigquery.metadataViewer on it, or leave it out by a filter") from error
