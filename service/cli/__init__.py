"""The command `headwater`. Each sub-command imports what it needs when it is called, so that all start fast."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from connectors.errors import ConfigurationError, ConnectorError
from service.cli import api_key
from service.errors import Invalid, ServiceError
from service.loading import loaded

INTERRUPTED = 130
EXIT_CODES = """exit codes of run: 0 succeeded, or partial with the success threshold reached; 1 failed;
2 the definition or the command line is wrong; 130 interrupted"""

APPLY_EXIT_CODES = """exit codes: 0 all workflows are there; 1 the service is away or busy, so that the same call may do
later; 2 a definition, the key or the command line is wrong"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        return loaded(f"service.cli.{parsed.command}").main(parsed, os.environ)
    except (ConnectorError, ServiceError) as error:
        print(f"headwater: {explained(error)}", file=sys.stderr)
        return 2 if isinstance(error, ConfigurationError | Invalid) else 1
    except KeyboardInterrupt:
        return INTERRUPTED


def explained(error: ConnectorError | ServiceError) -> str:
    """What went wrong and how to mend it, a line for each problem."""
    if isinstance(error, ConfigurationError | Invalid):
        return "\n  ".join(["the definition or a setting is wrong:", *map(str, error.shown)])
    advice = error.advice if isinstance(error, ConnectorError) else None
    return f"{error.message}\n  {advice}" if advice else error.message


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("headwater", description="Schedules metadata ingestion.", epilog=EXIT_CODES)
    parser.add_argument("--version", action="version", version=f"headwater {version('headwater')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("serve", help="run the service; HEADWATER_* variables are its settings")
    commands.add_parser("migrate", help="bring the store named by HEADWATER_DATABASE_URL up to date")
    commands.add_parser("reseal", help="put stored secrets under the first of HEADWATER_SECRET_KEY's keys")
    run = commands.add_parser("run", help="run one definition here and now, without a service", epilog=EXIT_CODES)
    run.add_argument("-c", "--config", type=Path, required=True, metavar="FILE", help="YAML or JSON definition")
    run.add_argument("--dead-letters", type=Path, metavar="FILE", help="where undeliverable entities are kept")
    validate = commands.add_parser("validate", help="check a definition without connecting to anything")
    validate.add_argument("file", type=Path)
    _add_apply(commands.add_parser("apply", help="make the workflows of a folder those of a running service",
                                   epilog=APPLY_EXIT_CODES))  # fmt: skip
    _add_keys(commands.add_parser("keys", help="make, list and revoke API keys, on the store of the settings"))
    replay = commands.add_parser("replay", help="send a file of records, or of dead letters, to a catalogue")
    replay.add_argument("file", type=Path)
    replay.add_argument("-c", "--config", type=Path, metavar="FILE", required=True,
                        help="a definition; its workflowConfig names the server, its sink config applies")  # fmt: skip
    replay.add_argument("--dead-letters", type=Path, metavar="FILE", help="where what still fails is kept")
    settings = commands.add_parser("settings", help="print the settings in force, without secrets")
    settings.add_argument("--schema", action="store_true", help="print their JSON Schema instead")
    return parser


def _add_apply(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-f", "--folder", type=Path, required=True, metavar="DIR", help="folder, with those below it, or one file"
    )
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="address of the service")
    parser.add_argument("--wait", type=float, default=0, metavar="SECONDS", help="how long the service may be away")
    parser.add_argument(
        "--prune",
        metavar="KEY:VALUE",
        help="delete the workflows with this label that are not in the folder; all in it must have the label",
    )
    api_key.add_option(parser)


def _add_keys(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key and print it, once")
    create.add_argument("name", help="whom or what it is for")
    create.add_argument("--role", choices=("viewer", "operator", "admin"), required=True)
    create.add_argument("--days", type=float, metavar="N", help="days until it expires; without, never")
    actions.add_parser("list", help="all keys, without their secrets")
    revoke = actions.add_parser("revoke", help="end a key for good")
    revoke.add_argument("prefix", help="its first part, such as hw_1a2b3c4d")
