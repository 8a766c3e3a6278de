"""A table of Delta Lake's as its log tells of it."""

import re
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.decoding import decode
from connectors.errors import ConnectorError, SourceUnavailable
from connectors.families.database_source import Table
from connectors.families.nested_types import column_of_type
from connectors.families.spark_schema import SparkSchema, spelled
from connectors.models.database import AccessDetails, Column, LifeCycle, PartitionColumn, TablePartition, TableType
from connectors.models.names import encode_name

if TYPE_CHECKING:
    from deltalake import DeltaTable

DENIED = re.compile(r"lacked the necessary privileges|permission denied|403 Forbidden|AccessDenied", re.IGNORECASE)
GONE = re.compile(r"404 Not Found|NoSuchBucket|NoSuchKey")
MARKS = re.compile(r"\x1b\[[0-9;]*m|↳")


def table_of(table: Table, uri: str, options: dict[str, str]) -> Table:
    """The table with what its log tells.

    Raises:
        ConnectorError: It has none that can be understood, or is gone.
        SourceUnavailable: Where it lies cannot be reached.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError, DeltaProtocolError, TableNotFoundError

    try:
        return described(table, uri, DeltaTable(uri, storage_options=options))
    except TableNotFoundError as error:
        message = f"{uri}: there is no table any more"
        raise ConnectorError(message, "it was removed during the run; the next run settles it") from error
    except (DeltaProtocolError, DeltaError, msgspec.MsgspecError, KeyError, ValueError, RecursionError) as error:
        message = f"{uri}: its log cannot be understood: {_line(error)}"
        raise ConnectorError(message, "see whether the table can be read by other readers of Delta Lake") from error
    except OSError as error:
        message = f"{uri}: {_line(error)}"
        raise _unread(message) from error


def described(table: Table, uri: str, log: "DeltaTable") -> Table:
    """The same from a log that was read."""
    about = log.metadata()
    fields = decode(log.schema().to_json(), SparkSchema).fields
    columns: list[Column] = []
    for place, each in enumerate(fields, 1):
        comment = str(each.metadata.get("comment") or "") or None
        required = not each.nullable
        columns.append(column_of_type(each.name, spelled(each.type), place, required=required, description=comment))
    parts = tuple(
        PartitionColumn(column_name=encode_name(name), interval_type="COLUMN-VALUE") for name in about.partition_columns
    )
    return msgspec.structs.replace(
        table,
        type=TableType.PARTITIONED if parts else TableType.REGULAR,
        columns=tuple(columns),
        partition=TablePartition(columns=parts) if parts else None,
        description=about.description or None,
        location=uri,
        life_cycle=life_cycle(about.created_time, log.history(1)),
        described=None,
    )


def life_cycle(created: int | None, history: list[dict[str, Any]]) -> LifeCycle | None:
    """When the table was made, and when and by what it was last written; moments in milliseconds since 1970."""
    made = AccessDetails(timestamp=created) if created else None
    written = None
    for commit in history[:1]:
        moment = commit.get("timestamp")
        if isinstance(moment, int):
            written = AccessDetails(timestamp=moment, accessed_by_a_process=commit.get("engineInfo") or None)
    return LifeCycle(created=made, updated=written) if made or written else None


def _unread(message: str) -> ConnectorError:
    """What it means that a file of a log cannot be read: this table's failure alone, where others may be read."""
    if DENIED.search(message):
        return ConnectorError(message, "allow s3:GetObject and s3:ListBucket on it, or let the service's user read it")
    if GONE.search(message):
        return ConnectorError(message, "it was removed during the run; the next run settles it")
    return SourceUnavailable(message, "see whether what it lies on can be reached")


def _line(error: Exception) -> str:
    """One line, without the colours and arrows that delta-rs sets it with."""
    return " ".join(MARKS.sub(" ", str(error)).split())[:500] or type(error).__name__
