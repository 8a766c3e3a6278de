"""`headwater run -c FILE`: one definition, here and now."""

import argparse
import signal
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from connectors.cancellation import Cancellation
from connectors.errors import RunCancelled
from connectors.ingestion import Folders, Result, ingest
from connectors.registry import plan
from connectors.report import Report
from service import clock, logs
from service.cli.files import definition_in, load
from service.cli.progress import shown, summary_table
from service.execution.secrets import SecretResolver

INTERRUPTED = 130


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run it; the exit code says how it ended."""
    config, secrets = resolved(arguments.config, environ)
    plan(config)  # what is wrong with it is told before anything is shown
    choices: dict[str, Any] = config.get("workflowConfig") or {}
    logs.configure("DEBUG" if choices.get("loggerLevel") == "DEBUG" else "ERROR")
    name = arguments.config.stem
    dead_letters = arguments.dead_letters or Path(tempfile.gettempdir()) / f"headwater-{name}.dead.jsonl"
    report, cancellation, began = Report(), Cancellation(), clock.monotonic()
    try:
        with logs.bind_run("local", name, 1), interruptible(cancellation), shown(report):
            logs.redact(secrets)
            result = ingest(config, report, cancellation, Folders(None, dead_letters))
    except RunCancelled as error:
        print(f"headwater: {error.message}", file=sys.stderr)
        return INTERRUPTED
    finally:
        print(summary_table(report, clock.monotonic() - began))
    print(result.value + (f"; what could not be delivered is in {dead_letters}" if dead_letters.exists() else ""))
    failed = result is Result.FAILED and choices.get("raiseOnError", True)
    return 1 if failed else 0


def resolved(path: Path, environ: Mapping[str, str]) -> tuple[dict[str, Any], frozenset[str]]:
    """The definition in a file with its secret references resolved, and the values put in."""
    folder = environ.get("HEADWATER_SECRETS_DIR")
    resolver = SecretResolver(Path(folder) if folder else None, environ)
    return resolver.resolve(definition_in(load(path, environ)))


@contextmanager
def interruptible(cancellation: Cancellation) -> Generator[None]:
    """While inside, Ctrl-C and SIGTERM cancel the run instead of tearing it down."""

    def cancel(number: int, _frame: object) -> None:
        cancellation.cancel(f"interrupted by {signal.Signals(number).name}")

    former = {number: signal.signal(number, cancel) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
