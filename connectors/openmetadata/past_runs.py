"""What the server knows of earlier runs of an ingestion pipeline."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from connectors.definition import Lookback
from connectors.errors import SinkUnavailable
from connectors.http.answers import UnreadableAnswer
from connectors.openmetadata.instants import milliseconds

if TYPE_CHECKING:
    from connectors.openmetadata.client import OpenMetadataClient

PIPELINES = "/services/ingestionPipelines"
SUCCESS = "success"
# The clocks of the source and of who reads it differ, and Snowflake tells of tags as late as after two hours.
LEAST_MARGIN = timedelta(hours=3)


def changes_since(
    client: "OpenMetadataClient", pipeline: str, began: datetime, lookback: Lookback, defined: datetime | None = None
) -> datetime | None:
    """Where a run that `began` now has to begin: the start of the last one that succeeded as a whole, minus the margin.

    None where there is none within the lookback, or since the pipeline was `defined` like this: everything is to be
    read, as earlier ones may have left out what is wanted now.

    Raises:
        SinkUnavailable: The server does not tell.
    """
    earliest = began - timedelta(days=lookback.days)
    earliest = milliseconds(max(earliest, defined) if defined is not None else earliest)
    window = {"startTs": earliest, "endTs": milliseconds(began)}
    path = f"{PIPELINES}/{quote(pipeline, safe='')}/pipelineStatus?{urlencode(window)}"
    answer = client.request("runs", "GET", path)
    if answer.status == HTTPStatus.NOT_FOUND:
        return None
    if not answer.ok:
        raise SinkUnavailable(answer.message(), "see whether the bot may read ingestion pipelines")
    try:
        runs = answer.decoded(dict[str, Any])["data"]
        started = [run["startDate"] for run in runs if run.get("pipelineState") == SUCCESS and run.get("startDate")]
        last = max((moment for moment in map(int, started) if moment > earliest), default=None)
    except (UnreadableAnswer, KeyError, TypeError, ValueError, AttributeError) as error:
        msg = f"the runs of ingestion pipeline {pipeline!r} cannot be read"
        raise SinkUnavailable(msg) from error
    if last is None:
        return None
    return datetime.fromtimestamp(last / 1000, UTC) - max(timedelta(days=lookback.margin_days), LEAST_MARGIN)
