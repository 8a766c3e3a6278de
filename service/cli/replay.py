"""`headwater replay FILE`: send records, or dead letters, to a catalogue."""

import argparse
import sys
from collections.abc import Mapping

from connectors.cancellation import Cancellation
from connectors.errors import ConfigurationError, RunCancelled
from connectors.report import Report
from connectors.sinks.opening import replay_file, server_secrets
from service import clock
from service.cli.hiding import hiding
from service.cli.progress import shown, summary_table, talking
from service.cli.run import INTERRUPTED, interruptible, resolved


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Send it; 0 when every entity was delivered."""
    if not arguments.file.exists():
        raise ConfigurationError.at(
            str(arguments.file), "there is no such file; name one of records or of dead letters"
        )
    if arguments.file.is_dir():
        raise ConfigurationError.at(str(arguments.file), "is a folder; name a file of records or of dead letters")
    config, secrets = resolved(arguments.config, environ, server_secrets)
    screen = talking("INFO")
    dead_letters = arguments.dead_letters or arguments.file.with_suffix(".again.jsonl")
    report, cancellation, began = Report(), Cancellation(), clock.monotonic()
    with hiding(arguments.file.stem, secrets, "INFO") as redactor:
        try:
            with interruptible(cancellation), shown(report, screen):
                replay_file(arguments.file, config, report, cancellation, dead_letters)
        except RunCancelled as error:
            print(f"headwater: {error.message}", file=sys.stderr)
            return INTERRUPTED
        finally:
            print(redactor.apply(summary_table(report, clock.monotonic() - began)))
    return 1 if report.total("failed") else 0
