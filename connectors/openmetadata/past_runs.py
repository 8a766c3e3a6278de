"""What the server knows of earlier runs of an ingestion pipeline."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from connectors.definition import Lookback
from connectors.errors import SinkUnavailable
from connectors.http.answers import UnreadableAnswer
from connectors.openmetadata.client import OpenMetadataClient
from connectors.openmetadata.instants import milliseconds

PIPELINES = "/services/ingestionPipelines"
SUCCESS = "success"


def changes_since(client: OpenMetadataClient, pipeline: str, began: datetime, lookback: Lookback) -> datetime | None:
    """Where a run that `began` now has to begin: the start of the last one that succeeded as a whole, minus the margin.

    None where there is none within the lookback: everything is to be read.

    Raises:
        SinkUnavailable: The server does not tell.
    """
    window = {"startTs": milliseconds(began - timedelta(days=lookback.days)), "endTs": milliseconds(began)}
    path = f"{PIPELINES}/{quote(pipeline, safe='')}/pipelineStatus?{urlencode(window)}"
    answer = client.request("runs", "GET", path)
    if answer.status == HTTPStatus.NOT_FOUND:
        return None
    if not answer.ok:
        raise SinkUnavailable(answer.message(), "see whether the bot may read ingestion pipelines")
    try:
        runs = answer.decoded(dict[str, Any])["data"]
        started = [run["startDate"] for run in runs if run.get("pipelineState") == SUCCESS and run.get("startDate")]
        last = max(map(int, started), default=None)
    except (UnreadableAnswer, KeyError, TypeError, ValueError, AttributeError) as error:
        msg = f"the runs of ingestion pipeline {pipeline!r} cannot be read"
        raise SinkUnavailable(msg) from error
    if last is None:
        return None
    return datetime.fromtimestamp(last / 1000, UTC) - timedelta(days=lookback.margin_days)
