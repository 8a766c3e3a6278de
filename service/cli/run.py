"""`headwater run -c FILE`: one definition, here and now."""

import argparse
import logging
import queue
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from connectors.cancellation import Cancellation
from connectors.errors import RunCancelled, cause_of
from connectors.ingestion import Beginning, Folders, Result, ingest
from connectors.registry import plan
from connectors.report import Report
from connectors.reporting.documents import Account, End, PipelineState
from connectors.reporting.reporter import reporter_of
from connectors.services import completed
from service import clock, logs
from service.cli.files import definition_in, load
from service.cli.hiding import hiding
from service.cli.progress import shown, summary_table, talking
from service.execution.pipeline_states import LAST_SECONDS, STATES
from service.execution.secrets import SERVERS_SECRETS, SecretResolver, below_connection
from service.references import OPENMETADATA_SECRETS
from service.runs.status import RunState
from service.workflows.documents import Json, value_at
from service.workflows.documents import Path as SecretPath

INTERRUPTED = 130


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run it; the exit code says how it ended."""
    config, secrets = resolved(arguments.config, environ, lambda raw: plan(raw).secret_paths)
    choices = options_of(config)
    level = str(choices.get("loggerLevel", "INFO"))
    screen = talking(level)
    name = arguments.config.stem
    dead_letters = arguments.dead_letters or Path(tempfile.gettempdir()) / f"headwater-{name}.dead.jsonl"
    before = _size(dead_letters)
    report, cancellation, began = Report(), Cancellation(), clock.monotonic()
    with hiding(name, secrets | literal_secrets(config), level) as redactor:
        try:
            with (
                reported(config, report, redactor.apply) as told,
                interruptible(cancellation),
                shown(report, screen),
            ):
                whole = with_connection(config, environ, cancellation, redactor)
                result = ingest(whole, report, cancellation, Folders(None, dead_letters), Beginning(at=clock.now()))
                told.append(result)
        except RunCancelled as error:
            print(f"headwater: {error.message}", file=sys.stderr)
            return INTERRUPTED
        finally:
            print(redactor.apply(summary_table(report, clock.monotonic() - began)))
    lost = f"; what could not be delivered is in {dead_letters}" if _size(dead_letters) > before else ""
    print(result.value + lost)
    failed = result is Result.FAILED and choices.get("raiseOnError", True)
    return 1 if failed else 0


@contextmanager
def reported(config: Json, report: Report, redact: Callable[[str], str]) -> Generator[list[Result]]:
    """While inside, the server hears of the run if the definition names its pipeline; the result is put in the list."""
    run_id = str(config.get("pipelineRunId") or uuid4())
    reporter = reporter_of(config, plan(config).connector, run_id, Account(report, redact, clock.now))
    results: list[Result] = []
    if reporter is None:
        yield results
        return
    handler = logs.RunLogHandler(lambda _, at, level, name, message: reporter.logged(at, level, name, message))
    logging.getLogger().addHandler(handler)
    reporter.start()
    end = End(PipelineState.FAILED)
    try:
        yield results
        end = End(STATES[RunState(results[0].value)])
    except RunCancelled as error:
        end = End(PipelineState.STOPPED, error.message)
        raise
    except BaseException as error:
        end = End(PipelineState.FAILED, cause_of(error))
        raise
    finally:
        logging.getLogger().removeHandler(handler)
        reporter.end(end)
        reporter.wait(LAST_SECONDS)


def with_connection(
    config: Json, environ: Mapping[str, str], cancellation: Cancellation, redactor: logs.Redactor
) -> Json:
    """The definition with the connection of its source, which the server may have; its secrets are hidden.

    Raises:
        ConnectorError: The server does not tell it, or it refers to a secret that is not there.
    """
    complete = completed(config, cancellation)
    given = environ.get(SERVERS_SECRETS, "").split(",")
    resolver = resolver_in(environ).for_servers(list(filter(None, map(str.strip, given))) or OPENMETADATA_SECRETS)
    complete, _ = resolver.resolve(complete, below_connection(plan(complete).secret_paths))
    redactor.add(literal_secrets(complete))
    return complete


def literal_secrets(config: Json) -> frozenset[str]:
    """The secrets that are written out in a definition.

    Raises:
        ConfigurationError: It cannot be run.
    """
    found = (value_at(config, path) for path in plan(config).secret_paths)
    return frozenset(value for value in found if isinstance(value, str))


def options_of(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The `workflowConfig` of a definition that may be wrong in every way."""
    options: object = config.get("workflowConfig")
    return cast("dict[str, Any]", options) if isinstance(options, dict) else {}


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def resolved(
    path: Path, environ: Mapping[str, str], secrets: Callable[[Json], Iterable[SecretPath]]
) -> tuple[dict[str, Any], frozenset[str]]:
    """The definition in a file with its secret references resolved, and the values put in.

    `secrets` tells where they may stand, and raises ConfigurationError for what is wrong with the definition.
    """
    config = definition_in(load(path, environ))
    return resolver_in(environ).resolve(config, secrets(config))


def resolver_in(environ: Mapping[str, str]) -> SecretResolver:
    """What finds secrets without a service: in the folder and the variables that the environment tells."""
    folder = environ.get("HEADWATER_SECRETS_DIR")
    return SecretResolver(Path(folder) if folder else None, environ)


@contextmanager
def interruptible(cancellation: Cancellation) -> Generator[None]:
    """While inside, Ctrl-C and SIGTERM cancel the run instead of tearing it down; a second one does that after all.

    The cancel comes from a thread: it needs locks, which the interrupted code may hold.
    """
    told: queue.SimpleQueue[int] = queue.SimpleQueue()

    def cancel() -> None:
        number = told.get()
        if number:
            cancellation.cancel(f"interrupted by {signal.Signals(number).name}")

    def hear(number: int, _frame: object) -> None:
        told.put(number)
        signal.signal(number, former[number])

    thread = threading.Thread(target=cancel, name="interruptions", daemon=True)
    thread.start()
    former = {int(number): signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in former:
        signal.signal(number, hear)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        told.put(0)
        thread.join()
