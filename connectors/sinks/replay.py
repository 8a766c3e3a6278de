"""Sending a file of the `file` sink, or dead letters, to a server."""

import logging
from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec

from connectors.cancellation import Cancellation
from connectors.errors import ConfigurationError
from connectors.report import Observer
from connectors.sinks.lines import entry_of, known_kinds, read_lines
from connectors.sinks.metadata_rest import MetadataRestSink
from connectors.sinks.rest_config import Target

logger = logging.getLogger(__name__)


def replay(path: Path, target: Target, report: Observer, cancellation: Cancellation) -> None:
    """Send every line, parents first whatever their order in the file, which is read once per rank.

    What is replayed is sent whether or not the server shows the same hash: somebody asked for it.

    Raises:
        ConfigurationError: A line cannot be read; names it, and nothing was sent.
        SinkUnavailable, FatalError: The server does not answer, or is none that we can use.
        RunCancelled: The run was told to stop.
    """
    if path.exists() and target.dead_letters.exists() and path.samefile(target.dead_letters):
        raise ConfigurationError.at(str(path), "cannot be replayed into itself: name another file for dead letters")
    ranks = _ranks(path, cancellation)
    config = target.config.model_copy(update={"send_unchanged": True})
    sink = MetadataRestSink(msgspec.structs.replace(target, config=config), report, cancellation)
    try:
        for rank in sorted(ranks):
            _send(path, rank, sink)
        sink.close()
    except BaseException:
        sink.abort()
        raise
    logger.info("%d lines of %s replayed", sum(ranks.values()), path)


def _ranks(path: Path, cancellation: Cancellation) -> Counter[int]:
    """How many lines there are of each rank; reads them all, so that a broken one is found before anything is sent."""
    kinds = known_kinds()
    ranks = Counter[int]()
    with closing(read_lines(path)) as lines:
        for line in lines:
            cancellation.check()
            ranks[entry_of(line, 0, kinds).kind.rank] += 1
    return ranks


def _send(path: Path, rank: int, sink: MetadataRestSink) -> None:
    kinds = known_kinds()
    with closing(read_lines(path)) as lines:
        for line in lines:
            if entry_of(line, 0, kinds).kind.rank == rank:
                sink.write_line(line)
