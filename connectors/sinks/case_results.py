"""Results of test cases, which the server keeps by their moments."""

from urllib.parse import quote

import msgspec

from connectors.decoding import decode
from connectors.http.answers import Answer, UnreadableAnswer
from connectors.models.quality import AddTestCaseResultRequest, CaseResult
from connectors.openmetadata.client import OpenMetadataClient
from connectors.sinks.entries import Entry
from connectors.sinks.verdicts import Refusal, Verdict


class Result(msgspec.Struct, frozen=True, rename="camel"):
    """One of them."""

    timestamp: int
    test_case_status: str | None = None


class Results(msgspec.Struct, frozen=True):
    """The results of a test case in a space of time."""

    data: tuple[Result, ...] = ()


def add_result(client: OpenMetadataClient, entry: Entry) -> Verdict:
    """Send a result, unless the server has that of its moment.

    Raises:
        SinkUnavailable, FatalError, RunCancelled: Nothing can be sent.
        MsgspecError: The request, which is of a file, cannot be read.
    """
    wanted = decode(entry.body, AddTestCaseResultRequest)
    path = f"/{wanted.collection}/{quote(wanted.test_case, safe='')}"
    moment = str(wanted.result.timestamp)
    answer = client.request("get testCaseResults", "GET", path, {"startTs": moment, "endTs": moment})
    if answer.ok and _has(answer, wanted.result):
        return Verdict(unchanged=1)
    answer = client.request("post testCaseResults", "POST", path, body=msgspec.json.encode(wanted.result))
    return Verdict() if answer.ok else Verdict({0: Refusal(answer.status, answer.message())})


def _has(answer: Answer, wanted: CaseResult) -> bool:
    try:
        found = answer.decoded(Results).data
    except UnreadableAnswer:  # then it is sent once more than need be
        return False
    return any((each.timestamp, each.test_case_status) == (wanted.timestamp, wanted.test_case_status) for each in found)
