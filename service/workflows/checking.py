"""Holds definitions against the connectors that are there."""

from connectors import registry
from connectors.errors import ConfigurationError
from connectors.source_files import EVERY_FILE, SourceFiles
from service.errors import Invalid
from service.workflows.documents import Json
from service.workflows.literal_texts import notes_on_texts
from service.workflows.operations import CheckedDefinition


class RegistryChecker:
    """The DefinitionChecker of the running service; definitions may read no other `files`."""

    def __init__(self, files: SourceFiles = EVERY_FILE) -> None:
        self._files = files

    def check(self, config: Json) -> CheckedDefinition:
        """The config as it will be stored.

        Raises:
            Invalid: No connector takes it; the paths begin inside the config.
        """
        try:
            plan = registry.plan(config, confined=True, files=self._files)
        except ConfigurationError as error:
            raise Invalid(error.problems) from error
        paths = plan.secret_paths
        return CheckedDefinition(plan.connector.name, config, paths, (*plan.notes, *notes_on_texts(config, paths)))
