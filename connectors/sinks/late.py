"""A sink that is opened when there is something for it: nothing stands before the first question to a source."""

from collections.abc import Callable

from connectors.errors import ConfigurationError, FatalError
from connectors.models.records import Record
from connectors.sinks.base import Sink


class SinkMisconfigured(FatalError):
    """The sink cannot be opened as `wrong` says: within a walk, a ConfigurationError would be one entity's failure."""

    def __init__(self, wrong: ConfigurationError) -> None:
        super().__init__(wrong.message)
        self.wrong = wrong


class LateSink:
    """A Sink as in `connectors.sinks.base`: what `make` opens at the first record, or at the end if there is none."""

    def __init__(self, make: Callable[[], Sink]) -> None:
        self._make = make
        self._sink: Sink | None = None

    def write(self, record: Record) -> None:
        """See Sink. Raises SinkMisconfigured, too, and whatever else opening it raises."""
        if self._sink is None:
            try:
                self._sink = self._make()
            except ConfigurationError as error:
                raise SinkMisconfigured(error) from error
        self._sink.write(record)

    def close(self) -> None:
        """See Sink. Raises what opening it raises."""
        if self._sink is None:
            self._sink = self._make()
        self._sink.close()

    def abort(self) -> None:
        """See Sink."""
        if self._sink is not None:
            self._sink.abort()
