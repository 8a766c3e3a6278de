"""`headwater serve`: the service."""

import argparse
import signal
import sys
from collections.abc import Mapping

from service import logs
from service.address import bound
from service.database.opening import starting
from service.loading import loaded
from service.settings.environment import load_settings


def main(_arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Run a replica until it is told to stop. Raises Unavailable when its address is taken, before anything starts."""
    settings = load_settings(environ)
    logs.configure(settings.log_level)
    with bound(settings.host, settings.port) as address:
        # Until the HTTP server takes over: what has started by then is stopped.
        signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
        with starting(settings) as embedded:
            # The embedded database starts meanwhile.
            loaded("service.app").serve(settings, environ, address, embedded)
    return 0
