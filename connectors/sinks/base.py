"""What every sink promises."""

from typing import Protocol

from connectors.models.records import Record


class Sink(Protocol):
    """Takes the records of one run, from one thread at a time.

    Outcomes, failures and delivered scopes go to the run's report. A sink is closed or aborted, once.
    """

    def write(self, record: Record) -> None:
        """Take one record; blocks while too much is under way.

        Raises:
            SinkUnavailable: The catalogue does not answer and the attempt has to end.
            FatalError: It refuses us altogether (token, version, address).
            RunCancelled: The run was told to stop while this waited.
        """
        ...

    def close(self) -> None:
        """Deliver all that is held; raises like `write`."""
        ...

    def abort(self) -> None:
        """Give up what is held, promptly; never raises."""
        ...
