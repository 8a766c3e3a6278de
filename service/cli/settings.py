"""`headwater settings`: what is in force, or the JSON Schema of what there is."""

import argparse
import json
from collections.abc import Mapping

from service.settings import Settings
from service.settings.environment import load_settings


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Print either as JSON."""
    shown = Settings.model_json_schema() if arguments.schema else load_settings(environ).model_dump(mode="json")
    print(json.dumps(shown, indent=2))
    return 0
