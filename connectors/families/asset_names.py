"""What in the catalogue a data asset's URI may stand for."""

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from connectors.families.pipeline_options import LineageInformation
from connectors.families.table_places import WITHOUT_DATABASE
from connectors.models.names import encode_name, fqn

OF_MESSAGES = frozenset({"kafka", "kinesis"})
OF_OBJECTS = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss"})
HOST_IS_FIRST = OF_OBJECTS | {"bigquery"}


def entities_of(uri: str, services: LineageInformation) -> Iterator[tuple[str, str]]:
    """The entities, each a type and a fully qualified name, that `uri` may stand for: one in each service named.

    `postgres://host/database/schema/table`, `mysql://host/schema/table`, `bigquery://project/dataset/table`,
    `kafka://host/topic`, `s3://bucket/key`. None where the URI is of no such shape.
    """
    try:
        parts = urlsplit(uri)
    except ValueError:
        return
    path = tuple(unquote(part) for part in parts.path.split("/") if part)
    if parts.scheme in HOST_IS_FIRST:
        path = (parts.netloc.rpartition("@")[2], *path)
    if parts.scheme in OF_MESSAGES and path:
        kind, names, path = "topic", services.messaging_service_names, path[-1:]
    elif parts.scheme in OF_OBJECTS and path[0]:
        kind, names = "container", services.storage_service_names
        path = (path[0], "/".join(path[1:])) if len(path) > 1 else path
    else:
        kind, names = "table", services.db_service_names
        path = (
            ("default", *path) if parts.scheme in WITHOUT_DATABASE and len(path) == len(("schema", "table")) else path
        )
        if len(path) != len(("database", "schema", "table")):
            return
    for name in names:
        yield kind, fqn(name, *map(encode_name, path))
