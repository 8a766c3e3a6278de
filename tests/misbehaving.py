"""A connector that does what a test asks of it, good or bad, in the service's process or in one of the run's own.

`ready` appears in its folder once it has begun; it may go on when a test makes `go`.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from connectors.connector import Check, Connector, RunContext
from connectors.definition import SourceOptions
from connectors.errors import ConfigurationError, ConnectorError, FatalError, Problem, SourceUnavailable
from connectors.families.database_options import DatabaseConnection
from connectors.models.database import CreateDatabaseServiceRequest
from connectors.models.records import Record
from connectors.topology import Node

logger = logging.getLogger("connectors.misbehaving")
CHUNK = 8 * 1024**2


class Behaviour(DatabaseConnection):
    """What to do."""

    behaviour: str = "list"
    count: int = 3
    folder: Path = Path()
    password: SecretStr | None = None


Context = RunContext[Behaviour, SourceOptions]


def listed(context: Context) -> Iterator[str]:
    """So many items."""
    for number in range(context.connection.count):
        yield f"item{number}"


def gated(context: Context) -> Iterator[str]:
    """One item, and the others when it may go on."""
    items = listed(context)
    yield next(items)
    begun(context)
    while not (context.connection.folder / "go").exists():
        context.cancellation.wait(0.01)
    yield from items


def dripping(context: Context) -> Iterator[str]:
    """Items without end, a hundred in a second."""
    begun(context)
    number = 0
    while True:
        number += 1
        yield f"drip{number}"
        context.cancellation.wait(0.01)


def hanging(context: Context) -> Iterator[str]:
    """Nothing, and deaf to everything, until it may go on."""
    begun(context)
    while not (context.connection.folder / "go").exists():
        threading.Event().wait(0.02)
    yield "late"


def stubborn(context: Context) -> Iterator[str]:
    """Deaf to SIGTERM too."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    yield from hanging(context)


def fruitful(context: Context) -> Iterator[str]:
    """A grandchild that would live on, in a process that hangs."""
    child = subprocess.Popen(["sleep", "300"], close_fds=False)
    (context.connection.folder / "grandchild").write_text(str(child.pid))
    yield from hanging(context)


def orphaning(context: Context) -> Iterator[str]:
    """A grandchild in a session of its own, which keeps everything open that it inherited; then a crash."""
    child = subprocess.Popen(["sleep", "30"], close_fds=False, start_new_session=True)
    (context.connection.folder / "grandchild").write_text(str(child.pid))
    yield from crashing(context)


def crashing(_context: Context) -> Iterator[str]:
    """As a broken driver ends a process."""
    yield "first"
    os.kill(os.getpid(), signal.SIGSEGV)


def exiting(_context: Context) -> Iterator[str]:
    """As a careless library ends a program."""
    yield "first"
    sys.exit(3)


def hungry(_context: Context) -> Iterator[str]:
    """All the memory there is."""
    eaten: list[bytes] = []
    while True:
        eaten.append(b"x" * CHUNK)
        yield f"bite{len(eaten)}"


def talkative(context: Context) -> Iterator[str]:
    """Many log lines."""
    for number in range(context.connection.count):
        logger.info("line %d", number)
    yield "done"


def printing(_context: Context) -> Iterator[str]:
    """Words where nobody asked for them."""
    for stream in (sys.stdout, sys.stderr):
        stream.write("words where they do not belong\n")
        stream.flush()
    yield "done"


def leaking(context: Context) -> Iterator[str]:
    """The password everywhere."""
    password = context.connection.password
    told = f"no entry with {password.get_secret_value() if password else ''}"
    logger.warning(told)
    yield told
    raise SourceUnavailable(told, told)


def curious(_context: Context) -> Iterator[str]:
    """What a process can reach."""
    own = sorted(name for name in os.environ if name.startswith("HEADWATER"))
    open_files = [file.readlink() for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]
    kept = sorted(str(file) for file in open_files if not str(file).startswith("/proc/"))
    yield "first"
    told = json.dumps({"variables": own, "files": kept})
    raise FatalError(told)


class Unspeakable(BaseException):
    """An error that cannot even be told."""

    def __str__(self) -> str:
        raise AttributeError(self.args)


def unspeakable(_context: Context) -> Iterator[str]:
    """What nobody can say."""
    yield "first"
    raise Unspeakable


def unavailable(_context: Context) -> Iterator[str]:
    yield "first"
    told = "gone fishing"
    raise SourceUnavailable(told, "wait")


def buggy(context: Context) -> Iterator[str]:
    """Every item is lost."""
    yield from listed(context)


def begun(context: Context) -> None:
    """Let the test know."""
    (context.connection.folder / "ready").touch()


BEHAVIOURS: Mapping[str, Callable[[Context], Iterator[str]]] = {
    "list": listed,
    "gate": gated,
    "drip": dripping,
    "hang": hanging,
    "stubborn": stubborn,
    "fruitful": fruitful,
    "orphaning": orphaning,
    "crash": crashing,
    "exit": exiting,
    "eat": hungry,
    "talk": talkative,
    "print": printing,
    "leak": leaking,
    "curious": curious,
    "unspeakable": unspeakable,
    "unavailable": unavailable,
    "wrong": listed,
    "fail": buggy,
}


def topology(context: Context) -> AbstractContextManager[Node[None, Any]]:
    behave = BEHAVIOURS[context.connection.behaviour]

    def record(item: str) -> Iterable[Record]:
        if context.connection.behaviour in {"fail", "leak"}:
            told = f"no {item}"
            raise ConnectorError(told, f"mend {item}")
        yield CreateDatabaseServiceRequest(name=item, service_type="CustomDatabase")

    def produce(_parent: None) -> Iterator[str]:
        return behave(context)

    if context.connection.behaviour == "wrong":
        raise ConfigurationError([Problem("source.type", "is odd")])
    return nullcontext(Node("databaseService", str, produce, (record,)))


def answer(config: Behaviour) -> str:
    """A check that tells what it was given."""
    return f"with {config.password.get_secret_value() if config.password else 'nothing'}"


CONNECTOR = Connector(
    name="misbehaving",
    service_type="CustomDatabase",
    config=Behaviour,
    options=SourceOptions,
    capabilities=frozenset(),
    checks=(Check("CheckAccess", "", answer),),
    topology=topology,
)
