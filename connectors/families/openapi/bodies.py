"""What an operation takes and gives."""

from collections.abc import Iterator

from connectors.errors import ConnectorError
from connectors.families.openapi.references import References
from connectors.families.openapi.schemas import fields_of
from connectors.families.openapi.text import Object, items, mapping
from connectors.models.api import ApiSchema
from connectors.models.messaging import SchemaType

JSON_TYPES = ("application/json", "+json", "text/json", "json")


def request_of(operation: Object, path: Object, references: References, *, swagger: bool) -> "Body | None":
    """What the body of a request holds; None where there is none.

    Raises:
        ConnectorError: It cannot be read.
    """
    if not swagger:
        body = references.resolve(operation.get("requestBody")).value
        return _of_content(mapping(body.get("content")), references)
    form: dict[str, Object] = {}
    for parameter in _parameters(operation, path, references):
        if parameter.get("in") == "body":
            return _read(parameter.get("schema"), references, _swagger_type(operation, references, "consumes"))
        if parameter.get("in") == "formData":
            form[str(parameter.get("name"))] = parameter
    return _read({"type": "object", "properties": form}, references, "Other") if form else None


def response_of(operation: Object, references: References, *, swagger: bool) -> "Body | None":
    """What the answer to a request that went well holds; None where that is nothing, or nobody says."""
    for answer in _successes(mapping(operation.get("responses"))):
        found = references.resolve(answer).value
        if not swagger:
            body = _of_content(mapping(found.get("content")), references)
        elif "schema" in found:
            body = _read(found["schema"], references, _swagger_type(operation, references, "produces"))
        else:
            body = None
        if body is not None:
            return body
    return None


class Body:
    """A schema, and which of its references could not be followed."""

    def __init__(self, schema: ApiSchema, broken: tuple[str, ...]) -> None:
        self.schema = schema
        self._broken = broken

    @property
    def problem(self) -> ConnectorError | None:
        """Why not all of it is known."""
        if not self._broken:
            return None
        return ConnectorError(f"its schema is incomplete: {'; '.join(self._broken)}", "correct the description")


def _of_content(content: Object, references: References) -> Body | None:
    """By JSON where there is a choice."""
    kinds = sorted(content, key=lambda kind: not _is_json(str(kind)))
    if not kinds:
        return None
    schema = mapping(content.get(kinds[0])).get("schema")
    return None if schema is None else _read(schema, references, _schema_type(str(kinds[0])))


def _read(schema: object, references: References, kind: SchemaType) -> Body:
    found = fields_of(schema, references)
    return Body(ApiSchema(schema_type=kind, schema_fields=found.fields), found.broken)


def _is_json(kind: str) -> bool:
    return kind.partition(";")[0].strip().lower().endswith(JSON_TYPES)


def _schema_type(kind: str) -> SchemaType:
    if _is_json(kind) or kind.startswith("*"):
        return "JSON"
    return "Protobuf" if "protobuf" in kind else "Avro" if "avro" in kind else "Other"


def _swagger_type(operation: Object, references: References, key: str) -> SchemaType:
    kinds = [str(each) for each in items(operation.get(key)) or items(references.document.get(key))]
    return "JSON" if not kinds or any(map(_is_json, kinds)) else _schema_type(kinds[0])


def _parameters(operation: Object, path: Object, references: References) -> Iterator[Object]:
    """An operation's own ones stand before those of its path, some of which they replace."""
    known: set[tuple[object, object]] = set()
    for raw in (*items(operation.get("parameters")), *items(path.get("parameters"))):
        found = references.resolve(raw).value
        key = (found.get("name"), found.get("in"))
        if key not in known:
            known.add(key)
            yield found


def _successes(responses: Object) -> Iterator[object]:
    """The answers of 2xx, lowest first, then those for any of them, then the default."""
    yield from (responses[code] for code in sorted(responses, key=str) if str(code).isdecimal() and str(code)[0] == "2")
    yield from (responses[code] for code in ("2XX", "2xx", "default") if code in responses)
