"""`headwater validate FILE`: everything that can be checked without connecting to anything."""

import argparse
from collections.abc import Mapping

from cryptography.fernet import Fernet

from connectors.registry import plan
from service.cli.files import definition_in, is_workflow, load
from service.scheduling.triggers import check_schedule
from service.workflows import operations
from service.workflows.checking import RegistryChecker
from service.workflows.literal_texts import notes_on_texts
from service.workflows.operations import Rules
from service.workflows.schemas import WorkflowCreate
from service.workflows.vault import Vault
from service.workflows.wire import validated


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """Say that the definition is valid; what is wrong with it is raised."""
    document = load(arguments.file, environ)
    if is_workflow(document):
        rules = Rules(RegistryChecker(), Vault([Fernet.generate_key().decode()]), check_schedule)
        operations.check(validated(WorkflowCreate, document), rules)
    config = definition_in(document)
    planned = plan(config)
    print(f"{arguments.file}: valid for {planned.connector.name}, service {planned.definition.source.service_name!r}")
    for note in (*planned.notes, *notes_on_texts(config, planned.secret_paths)):
        print(f"  note: {note}")
    return 0
