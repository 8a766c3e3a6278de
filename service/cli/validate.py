"""`headwater validate FILE`: everything that can be checked without connecting to anything."""

import argparse
from collections.abc import Mapping

from connectors.registry import plan
from service.cli.files import definition_in, load


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Say that the definition is valid; what is wrong with it is raised."""
    planned = plan(definition_in(load(arguments.file, environ)))
    print(f"{arguments.file}: valid for {planned.connector.name}, service {planned.definition.source.service_name!r}")
    return 0
