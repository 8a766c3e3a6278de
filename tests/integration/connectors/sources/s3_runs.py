"""Runs of the connector s3, and what they brought."""

import json
from typing import Any

from tests.amazon import Account
from tests.in_memory import Walked


def connection(account: Account, **changes: Any) -> dict[str, Any]:
    return {"type": "S3", "awsConfig": account.config(), **changes}


def names(walked: Walked, account: Account) -> set[str]:
    """The containers below the service, without the number of the account."""
    return {name.removeprefix("svc.").replace(account.number, "N") for name in walked.sink.names("container")}


def told(walked: Walked) -> list[tuple[str, str, str | None]]:
    return [(failure.name, failure.cause, failure.advice) for failure in walked.report.failures]


def manifest(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"entries": entries}).encode()
