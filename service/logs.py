"""Log lines: one JSON object each, bound to a run by context, free of its secrets."""

import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import quote, quote_plus, unquote

import msgspec

MASK = "**********"

_SHORT_SECRET = 4  # of fewer characters: a number, or a part of any word
# Where a value stands: behind a key of secrets, or behind the user of an address.
_BEFORE_VALUE = (
    r"""(?i:(?:password|passwd|pwd|passphrase|secret|token|key|authorization)["']?\s*[:=]\s*["']?|://[^\s/:@]*:)"""
)
_LOGIN = re.compile(r"\w+://[^\s/:@]*:([^\s/@]+)@")
_LONG_LINE = 16
# `json.dumps` makes another one for each line.
_ENCODER = json.JSONEncoder(ensure_ascii=False)


class Target(Protocol):
    """Where log lines go."""

    def write(self, text: str, /) -> object:
        """Take some text."""
        ...

    def flush(self) -> object:
        """Hold nothing back."""
        ...

    def isatty(self) -> bool:
        """Whether a person looks at it."""
        ...


class Redactor:
    """Replaces the secret values it was told of; safe to share between threads.

    Values shorter than four characters would be found everywhere: they are hidden only where a key or an address says
    that they are values.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None

    def add(self, values: Iterable[str]) -> None:
        """Mask these values from now on, as they are and as they look inside a URL or a JSON text."""
        with self._lock:
            self._values |= {form for value in values for form in _forms(value)}
            if self._values:
                self._pattern = _pattern_of(sorted(self._values, key=len, reverse=True))

    def apply(self, text: str) -> str:
        """`text` with every secret replaced by the mask."""
        return self._pattern.sub(_masked, text) if self._pattern is not None else text


class RunContext(msgspec.Struct, frozen=True):
    """The attempt of a run that the current context works for; `token` is that of its lease.

    `level` is the least severe line it wants, if it said so.
    """

    run_id: str
    workflow: str
    attempt: int
    level: int | None = None
    token: int = 0
    redactor: Redactor = msgspec.field(default_factory=Redactor)


RunLogCallback = Callable[[RunContext, datetime, str, str, str], None]

_run: ContextVar[RunContext | None] = ContextVar("headwater_run", default=None)


@contextmanager
def bind_run(
    run_id: str, workflow: str, attempt: int, level: str | None = None, token: int = 0
) -> Generator[RunContext]:
    """While inside, log lines of this context belong to that attempt of the run.

    A thread started inside sees the run only when it runs in a copy of this context.
    """
    numeric = logging.getLevelNamesMapping().get(level.upper()) if level else None
    context = RunContext(run_id, workflow, attempt, numeric, token)
    bound = _run.set(context)
    try:
        yield context
    finally:
        _run.reset(bound)


def current_run() -> RunContext | None:
    """The run that the current context is bound to."""
    return _run.get()


def redact(values: Iterable[str]) -> None:
    """Mask these values in every line of the bound run, in all its threads; outside a run it does nothing."""
    run = _run.get()
    if run is not None:
        run.redactor.add(values)


class RunFilter(logging.Filter):
    """Puts the run on a record, drops what is below the level that holds, and masks the run's secrets in it."""

    def __init__(self, level: int = logging.INFO) -> None:
        super().__init__()
        self._level = level

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is wanted; it is changed in place, so later handlers see no secret either."""
        run = _run.get()
        wanted = self._level if run is None or run.level is None else run.level
        if record.levelno < wanted:
            return False
        if run is not None:
            record.run = run
            record.msg, record.args = run.redactor.apply(_message(record)), None
            text = _exception(record)
            record.exc_text = run.redactor.apply(text) if text else None
        return True


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, str | int] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
        }
        run = _run_of(record)
        if run is not None:
            line |= {"run_id": run.run_id, "workflow": run.workflow, "attempt": run.attempt}
        exception = _exception(record)
        if exception:
            line["exception"] = exception
        return _ENCODER.encode(line)


class TextFormatter(logging.Formatter):
    """One line for a person at a terminal, with the traceback below."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        run = _run_of(record)
        at = datetime.fromtimestamp(record.created).astimezone().strftime("%H:%M:%S")
        scope = f" [{run.workflow} {run.run_id}]" if run is not None else ""
        line = f"{at} {record.levelname:<7} {record.name}{scope}: {_message(record)}"
        exception = _exception(record)
        return f"{line}\n{exception}" if exception else line


class _Busy(threading.local):
    """Whether this thread is inside a callback."""

    here = False


class RunLogHandler(logging.Handler):
    """Hands the lines of bound runs to `callback(run, at, level, logger, message)`.

    It never raises, and what the callback itself logs is not handed to it again.
    """

    def __init__(self, callback: RunLogCallback, level: str = "INFO") -> None:
        super().__init__()
        self._callback = callback
        self._busy = _Busy()
        self.addFilter(RunFilter(logging.getLevelNamesMapping()[level]))

    def handle(self, record: logging.LogRecord) -> bool:
        """Pass a wanted record on, without the handler's lock: the callback may take its time."""
        if _run.get() is None or self._busy.here or not self.filter(record):
            return False
        self._busy.here = True
        try:
            self.emit(record)
        finally:
            self._busy.here = False
        return True

    def emit(self, record: logging.LogRecord) -> None:
        """Call back with the message and, below it, the traceback."""
        run = _run_of(record)
        with suppress(Exception):
            if run is not None:
                text = "\n".join(part for part in (_message(record), _exception(record)) if part)
                at = datetime.fromtimestamp(record.created, UTC)
                self._callback(run, at, record.levelname, record.name, text)


def configure(
    level: str = "INFO", stream: Target | None = None, formatter: logging.Formatter | None = None
) -> logging.Handler:
    """Send all logs to `stream` (stderr): unless told how, as text on a terminal, else JSON.

    Calling again replaces the former set-up.

    A run may ask for more than `level`: this package and the connectors hand every line to the handlers, which choose.
    """
    target: Target = sys.stderr if stream is None else stream
    handler: logging.StreamHandler[Target] = logging.StreamHandler(target)
    handler.set_name("headwater")
    handler.setFormatter(formatter or (TextFormatter() if target.isatty() else JsonFormatter()))
    handler.addFilter(RunFilter(logging.getLevelNamesMapping()[level]))
    root = logging.getLogger()
    for former in [former for former in root.handlers if former.get_name() == "headwater"]:
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(level)
    for name in ("service", "connectors"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    # A line for each request would leave no room for others.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    return handler


def _forms(value: str) -> Iterator[str]:
    lines = [line.strip() for line in value.splitlines()]
    parts = [value.strip(), *(line for line in lines if len(line) >= _LONG_LINE and not line.startswith("-----"))]
    if login := _LOGIN.match(value.strip()):  # an address with a password may be told in parts
        parts += [login[1], unquote(login[1])]
    for part in filter(None, parts):
        written = part.encode("utf-8", "surrogatepass")  # a variable of the environment may hold any bytes
        yield from (part, quote(written, safe=""), quote(written), quote_plus(written))
        yield from (json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1], repr(part)[1:-1])


def _pattern_of(longest_first: list[str]) -> re.Pattern[str]:
    parts = [re.escape(value) for value in longest_first if len(value) >= _SHORT_SECRET]
    if short := [re.escape(value) for value in longest_first if len(value) < _SHORT_SECRET]:
        parts.append(rf"(?P<before>{_BEFORE_VALUE})(?:{'|'.join(short)})(?!\w)")
    return re.compile("|".join(parts))


def _masked(found: re.Match[str]) -> str:
    return f"{found.groupdict().get('before') or ''}{MASK}"


def _message(record: logging.LogRecord) -> str:
    """The finished text; a value that cannot be shown must not end what logs it."""
    with suppress(Exception):
        return record.getMessage()
    with suppress(Exception):
        return f"{record.msg} {record.args!r}"
    given: object = record.msg
    return f"{given if isinstance(given, str) else type(given).__name__} (with values that cannot be shown)"


def _exception(record: logging.LogRecord) -> str:
    if record.exc_text:
        return record.exc_text
    if record.exc_info and record.exc_info[0] is not None:
        return logging.Formatter().formatException(record.exc_info)
    return ""


def _run_of(record: logging.LogRecord) -> RunContext | None:
    run = record.__dict__.get("run")
    return run if isinstance(run, RunContext) else None
