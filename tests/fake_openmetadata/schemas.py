"""What a create request must look like: OpenMetadata's JSON Schemas when they are at hand, else our own short table."""

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import msgspec

Check = Callable[[object], str | None]
SCHEMAS = Path(__file__).parents[3] / "shared" / "openmetadata-schemas"
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "CreateDatabaseServiceRequest": ("name", "serviceType"),
    "CreateDatabaseRequest": ("name", "service"),
    "CreateDatabaseSchemaRequest": ("name", "database"),
    "CreateTableRequest": ("name", "columns", "databaseSchema"),
    "CreateStoredProcedureRequest": ("name", "storedProcedureCode", "databaseSchema"),
    "CreateMessagingServiceRequest": ("name", "serviceType"),
    "CreateTopicRequest": ("name", "service", "partitions"),
    "CreateDashboardServiceRequest": ("name", "serviceType"),
    "CreateDashboardDataModelRequest": ("name", "service", "dataModelType", "columns"),
    "CreateChartRequest": ("name", "service"),
    "CreateDashboardRequest": ("name", "service"),
    "CreateMlModelServiceRequest": ("name", "serviceType"),
    "CreateMlModelRequest": ("name", "service"),
    "CreatePipelineServiceRequest": ("name", "serviceType"),
    "CreatePipelineRequest": ("name", "service"),
    "CreateStorageServiceRequest": ("name", "serviceType"),
    "CreateContainerRequest": ("name", "service"),
    "CreateSearchServiceRequest": ("name", "serviceType"),
    "CreateSearchIndexRequest": ("name", "service", "fields"),
    "CreateApiServiceRequest": ("name", "serviceType"),
    "CreateAPICollectionRequest": ("name", "service"),
    "CreateAPIEndpointRequest": ("name", "apiCollection"),
    "CreateClassificationRequest": ("name", "description"),
    "CreateIngestionPipelineRequest": ("name", "pipelineType", "service", "sourceConfig", "airflowConfig"),
    "PipelineStatus": ("runId", "pipelineState", "startDate", "timestamp"),
    "TestConnectionResult": ("steps",),
    "ProgressUpdate": ("runId", "timestamp", "updateType"),
    "AddLineageRequest": ("edge",),
    "CreateTestDefinitionRequest": ("name", "entityType", "testPlatforms"),
    "CreateTestCaseRequest": ("name", "testDefinition", "entityLink"),
    "CreateTagRequest": ("name", "description", "classification"),
}
TYPES: Mapping[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}


def available() -> bool:
    """Whether the JSON Schemas stand beside the repository."""
    return (SCHEMAS / "api").is_dir()


def checker(name: str, folder: str = "api") -> Check:
    """Tells what is wrong with a request of this name; None for nothing."""
    if not available():
        return _required(REQUIRED[name])
    schema = msgspec.json.decode((SCHEMAS / folder / f"{name}.json").read_bytes())
    return Compiler(schema.get("$defs", {})).compile(schema)


def _required(fields: tuple[str, ...]) -> Check:
    def check(value: object) -> str | None:
        missing = [field for field in fields if cast("dict[str, Any]", value).get(field) is None]
        return f"{missing[0]} must not be null" if missing else None

    return check


class Compiler:
    """Turns the part of JSON Schema that OpenMetadata uses into functions; ten times faster than interpreting it."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        self._compiled: dict[str, Check] = {}

    def compile(self, schema: Mapping[str, Any]) -> Check:
        checks = [make(self, schema[key], schema) for key, make in KEYWORDS.items() if key in schema]
        if len(checks) == 1:
            return checks[0]

        def check(value: object) -> str | None:
            for each in checks:
                if (error := each(value)) is not None:
                    return error
            return None

        return check

    def reference(self, target: str, _schema: Mapping[str, Any]) -> Check:
        name = target.removeprefix("#/$defs/")

        def check(value: object) -> str | None:
            if name not in self._compiled:
                self._compiled[name] = self.compile(self._definitions[name])
            return self._compiled[name](value)

        return check

    def any_of(self, schemas: list[Mapping[str, Any]], _schema: Mapping[str, Any]) -> Check:
        checks = [self.compile(each) for each in schemas]

        def check(value: object) -> str | None:
            first: str | None = None
            for each in checks:
                error = each(value)
                if error is None:
                    return None
                first = first or error
            return first

        return check

    def type(self, name: str, _schema: Mapping[str, Any]) -> Check:
        fits = TYPES[name]
        return lambda value: None if fits(value) else f"{_shown(value)} is not of the type {name}"

    def enum(self, values: list[Any], _schema: Mapping[str, Any]) -> Check:
        return lambda value: (
            None if value in values else f"{_shown(value)} is not one of {', '.join(map(str, values[:9]))}"
        )

    def const(self, expected: object, _schema: Mapping[str, Any]) -> Check:
        return lambda value: None if value == expected else f"{_shown(value)} is not {expected}"

    def length(self, limit: int, schema: Mapping[str, Any]) -> Check:
        most = schema.get("maxLength", 1 << 30)
        least = schema.get("minLength", 0)
        return lambda value: (
            None
            if not isinstance(value, str) or least <= len(value) <= most
            else f"{_shown(value)} must have {least} to {most} characters"
        )

    def minimum(self, least: float, _schema: Mapping[str, Any]) -> Check:
        return lambda value: None if not isinstance(value, int | float) or value >= least else f"{value} < {least}"

    def maximum(self, most: float, _schema: Mapping[str, Any]) -> Check:
        return lambda value: None if not isinstance(value, int | float) or value <= most else f"{value} > {most}"

    def format(self, name: str, _schema: Mapping[str, Any]) -> Check:
        return _uuid if name == "uuid" else lambda value: None

    def items(self, schema: Mapping[str, Any], _schema: Mapping[str, Any]) -> Check:
        each = self.compile(schema)

        def check(value: object) -> str | None:
            if not isinstance(value, list):
                return None
            for place, item in enumerate(cast("list[Any]", value)):
                if (error := each(item)) is not None:
                    return f"[{place}] {error}"
            return None

        return check

    def required(self, names: list[str], _schema: Mapping[str, Any]) -> Check:
        def check(value: object) -> str | None:
            if not isinstance(value, dict):
                return None
            missing = [name for name in names if name not in cast("dict[str, Any]", value)]
            return f"{missing[0]} must not be null" if missing else None

        return check

    def properties(self, schemas: Mapping[str, Mapping[str, Any]], schema: Mapping[str, Any]) -> Check:
        checks = {name: self.compile(each) for name, each in schemas.items()}
        closed = schema.get("additionalProperties") is False

        def check(value: object) -> str | None:
            if not isinstance(value, dict):
                return None
            for name, item in cast("dict[str, Any]", value).items():
                each = checks.get(name)
                if each is None:
                    if closed:
                        return f'Unrecognized field "{name}"'
                elif (error := each(item)) is not None:
                    return f"{name}: {error}"
            return None

        return check


Make = Callable[[Compiler, Any, Mapping[str, Any]], Check]
KEYWORDS: Mapping[str, Make] = {
    "$ref": Compiler.reference,
    "anyOf": Compiler.any_of,
    "type": Compiler.type,
    "enum": Compiler.enum,
    "const": Compiler.const,
    "format": Compiler.format,
    "maxLength": Compiler.length,
    "minLength": Compiler.length,
    "minimum": Compiler.minimum,
    "maximum": Compiler.maximum,
    "items": Compiler.items,
    "required": Compiler.required,
    "properties": Compiler.properties,
}


def _uuid(value: object) -> str | None:
    try:
        uuid.UUID(str(value))
    except ValueError:
        return f"{_shown(value)} is not a UUID"
    return None


def _shown(value: object) -> str:
    return repr(value)[:80]
