"""One attempt of one run while it is in hand."""

import msgspec

from connectors.report import Report
from service import clock
from service.execution.journal import RunJournal
from service.execution.stopping import StopSwitch
from service.runs.repository.leases import ClaimedRun
from service.workflows.schemas import Policy


class Attempt(msgspec.Struct, frozen=True):
    """Everything it touches is its own."""

    claim: ClaimedRun
    policy: Policy
    switch: StopSwitch
    report: Report
    journal: RunJournal
    began: float

    @property
    def seconds(self) -> float:
        """How long it has gone on."""
        return clock.monotonic() - self.began
