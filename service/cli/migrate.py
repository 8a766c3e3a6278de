"""`headwater migrate`: bring the store up to date."""

import argparse
from collections.abc import Mapping

from service.database.migrate import upgrade
from service.database.schema import current
from service.errors import Invalid
from service.settings.environment import load_settings, variable


def main(_arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Migrate the store named by the settings."""
    url = load_settings(environ).database_url
    if url is None:
        name = variable("database_url")
        raise Invalid.at(name, "is not set; an embedded store is migrated by `headwater serve` itself")
    upgrade(url.get_secret_value())
    print(f"the store is at revision {current(url.get_secret_value())}")
    return 0
