"""The API key that a command shows to a running service."""

import argparse
import re
from collections.abc import Mapping
from pathlib import Path

from connectors.errors import ConfigurationError

VARIABLE = "HEADWATER_API_KEY"
OPTION = "--key-file"

_SENDABLE = re.compile(r"[!-~]{1,512}")


def add_option(parser: argparse.ArgumentParser) -> None:
    """Let the command take a key."""
    parser.add_argument(
        OPTION, type=Path, metavar="FILE", help=f"file with an API key; else {VARIABLE} is sent, if set"
    )


def headers(key_file: Path | None, environ: Mapping[str, str]) -> dict[str, str]:
    """What shows the key, of several with commas the first; nothing where there is none.

    Raises ConfigurationError for one that cannot be sent.
    """
    source, key = VARIABLE, environ.get(VARIABLE, "")
    if key_file is not None:
        source, key = f"{OPTION} {key_file}", _read(key_file)
    if not key and key_file is None:
        return {}
    # Of a list as in HEADWATER_ADMIN_KEY the first that is written out: what follows is on its way out.
    key = next((one for one in map(str.strip, key.split(",")) if one and not one.startswith("secret:")), key)
    if key.startswith("secret:") or not _SENDABLE.fullmatch(key):
        message = "is no API key: it must be written out, as one word of visible ASCII characters"
        raise ConfigurationError.at(source, message)
    return {"Authorization": f"Bearer {key}"}


def _read(file: Path) -> str:
    where = f"{OPTION} {file}"
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError.at(where, error.strerror or "cannot be read") from error
    except UnicodeError as error:
        raise ConfigurationError.at(where, "is no text") from error
