"""`headwater serve`: the service."""

import argparse
from collections.abc import Mapping

from service import logs
from service.app import serve
from service.settings.environment import load_settings


def main(_arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run a replica until it is told to stop."""
    settings = load_settings(environ)
    logs.configure(settings.log_level)
    serve(settings, environ)
    return 0
