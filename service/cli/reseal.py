"""`headwater reseal`: put every stored secret under the newest key."""

import argparse
from collections.abc import Mapping

from service.access.audit import Trail
from service.app import secret_keys
from service.cli.keys import actor
from service.database.opening import join_database
from service.runs.operations import reseal
from service.settings.environment import load_settings
from service.workflows.vault import Vault


def main(_arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Decrypt with any of the keys, encrypt with the first; all of it or nothing."""
    settings = load_settings(environ)
    database, close = join_database(settings)
    try:
        with database.session() as session:
            count = reseal(session, Vault(secret_keys(settings)))
            Trail(session, actor()).record("secrets.reseal", "secrets", after={"documents": count})
    finally:
        close()
    print(f"{count} documents have their secrets under the first key of HEADWATER_SECRET_KEY; older keys may go")
    return 0
