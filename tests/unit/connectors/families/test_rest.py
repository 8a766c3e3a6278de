import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TypeVar

import httpx
import msgspec
import pytest

from connectors.cancellation import Cancellation
from connectors.errors import ConfigurationError, ConnectorError, FatalError, RunCancelled, SourceUnavailable
from connectors.families.partial_failures import Refused, Vanished
from connectors.families.rest import Call, Endpoint, RestClient, RestLimits
from connectors.families.whole_files import HttpFile
from connectors.http.answers import Answer
from connectors.http.retry import RetryPolicy
from connectors.report import Report
from tests.answering import Answering, Asked, Status
from tests.eventually import eventually
from tests.fake_openmetadata.faults import Fault

QUICK = RetryPolicy(tries=4, few_tries=2, first_seconds=0.001, longest_asked_seconds=0.05)
T = TypeVar("T")


class Thing(msgspec.Struct):
    name: str
    size: int = 0


class Opened:
    """An API and a client of it, both closed with the test."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.api = stack.enter_context(Answering())
        self.cancellation = Cancellation()

    def client(self, **settings: Any) -> RestClient:
        limits = settings.pop("limits", RestLimits(retry=QUICK))
        given: dict[str, Any] = {"system": "Acme", "address": self.api.address, **settings}
        return self._stack.enter_context(RestClient(Endpoint(**given), Report(), self.cancellation, limits))


@pytest.fixture
def opened() -> Iterator[Opened]:
    with ExitStack() as stack:
        yield Opened(stack)


def test_gives_what_the_api_answers_as_the_type_asked_for(opened: Opened) -> None:
    opened.api.answers["GET /things/1"] = {"name": "one", "size": 3, "more": True}
    assert opened.client().get("/things/1", Thing) == Thing("one", 3)


def test_sends_queries_headers_and_bodies(opened: Opened) -> None:
    def search(asked: Asked) -> dict[str, str]:
        return {"name": asked.body["q"]}

    opened.api.answers["POST /search"] = search
    opened.api.answers["GET /things"] = {"name": "x"}
    client = opened.client(headers={"X-Tenant": "t"}, auth=httpx.BasicAuth("reader", "pw"))
    assert client.post("/search", Thing, {"q": "orders"}).name == "orders"
    client.get("/things", Thing, {"limit": 5, "tags": ["a", "b"]})
    asked = opened.api.asked[-1]
    assert asked.query == {"limit": ["5"], "tags": ["a", "b"]}
    assert (asked.headers["x-tenant"], asked.headers["authorization"]) == ("t", "Basic cmVhZGVyOnB3")


@pytest.mark.parametrize(
    "fault",
    [
        Fault("/things", status=429, headers={"Retry-After": "0"}),
        Fault("/things", status=503),
        Fault("/things", status=500),
        Fault("/things", "reset"),
        Fault("/things", "half"),
    ],
)
def test_asks_again_where_that_may_help(opened: Opened, fault: Fault) -> None:
    opened.api.answers["GET /things"] = {"name": "one"}
    opened.api.faults.add(fault)
    assert opened.client().get("/things", Thing).name == "one"
    assert opened.api.paths() == ["/things"] * 2


@pytest.mark.parametrize("proxy", ["socks5://gate:1080", "http://u:secret@gate:port"])
def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("https_proxy", proxy)
    monkeypatch.setenv("no_proxy", "127.0.0.0/8")
    opened.api.answers["GET /things"] = {"name": "one"}
    assert opened.client().get("/things", Thing).name == "one", "it goes by no proxy"
    with pytest.raises(ConfigurationError, match=r"^HTTPS_PROXY: .*set it to the address of an HTTP proxy") as caught:
        opened.client(address="https://acme.invalid")
    assert "secret" not in str(caught.value)


def test_a_proxy_that_does_not_answer_is_named_by_its_variable(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    client = opened.client(address="http://acme.invalid")
    with pytest.raises(SourceUnavailable) as caught:
        client.get("/things", Thing)
    assert str(caught.value.advice).endswith("it is asked by way of the proxy that HTTP_PROXY names")


def test_an_api_may_say_later_in_words_of_its_own(opened: Opened) -> None:
    opened.api.answers["GET /things"] = {"name": "one"}
    opened.api.faults.add(Fault("/things", status=403, message="slow down"))

    def later(answer: Answer) -> bool:
        return b"slow down" in answer.body

    client = opened.client(busy=later)
    assert client.get("/things", Thing).name == "one"
    opened.api.faults.add(Fault("/things", status=403, message="no"))
    with pytest.raises(Refused):
        client.get("/things", Thing)


def test_waits_as_long_as_retry_after_asks(opened: Opened) -> None:
    waits: list[float | None] = []

    class Noting(RetryPolicy, frozen=True):
        def delay(self, failures: int, asked: float | None) -> float:
            waits.append(asked)
            return 0.0

    opened.api.answers["GET /things"] = {"name": "one"}
    opened.api.faults.add(Fault("/things", status=429, headers={"Retry-After": "7"}))
    opened.client(limits=RestLimits(retry=Noting())).get("/things", Thing)
    assert waits == [7.0]


def test_a_server_that_stays_busy_is_unavailable(opened: Opened) -> None:
    opened.api.faults.add(Fault("/things", status=503, times=9, message="maintenance"))
    with pytest.raises(
        SourceUnavailable, match=r"Acme's /things at .* \(tried 4 times\): it answers 503: mainten"
    ) as e:
        opened.client().get("/things", Thing)
    assert "hostPort" in (e.value.advice or "")


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with (
        RestClient(Endpoint("Acme", "http://127.0.0.1:1"), Report(), Cancellation(), RestLimits(retry=QUICK)) as client,
        pytest.raises(SourceUnavailable, match="is not available"),
    ):
        client.get("/things", Thing)


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [(RestLimits(retry=QUICK, read_seconds=0.05), 30), (RestLimits(retry=QUICK, answer_seconds=0.05), 0.3)],
)
def test_a_server_that_hangs_or_drips_is_unavailable(opened: Opened, limits: RestLimits, seconds: float) -> None:
    opened.api.answers["GET /things"] = {"name": "one"}
    opened.api.faults.add(Fault("/things", "slow", seconds=seconds, times=9))
    with pytest.raises(SourceUnavailable, match=r"tried 2 times\): no answer within .* or not all of it within "):
        opened.client(limits=limits).get("/things", Thing)


def test_an_endless_answer_is_refused(opened: Opened) -> None:
    opened.api.answers["GET /things"] = {"name": "x" * 5000}
    with pytest.raises(ConnectorError, match="is longer than 1000 bytes"):
        opened.client(limits=RestLimits(answer_bytes=1000)).get("/things", Thing)


@pytest.mark.parametrize("kind", ["garbage", "html"])
def test_an_answer_that_cannot_be_read_is_an_error_of_that_entity(opened: Opened, kind: Any) -> None:
    opened.api.faults.add(Fault("/things", kind))
    with pytest.raises(ConnectorError, match="something else than Acme does") as caught:
        opened.client().get("/things", Thing)
    assert type(caught.value) is ConnectorError


def test_an_answer_of_another_shape_names_the_field(opened: Opened) -> None:
    opened.api.answers["GET /things"] = {"name": ["no", "name"]}
    with pytest.raises(ConnectorError, match=r"\$\.name"):
        opened.client().get("/things", Thing)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, FatalError, "does not let the user in: nope"),
        (403, Refused, "is forbidden: nope"),
        (404, Vanished, "is not there: nope"),
        (302, FatalError, "redirects"),
        (400, ConnectorError, "answers 400: nope"),
        (500, ConnectorError, "answers 500: nope"),
    ],
)
def test_errors_say_what_follows_from_them(opened: Opened, status: int, kind: type[Exception], words: str) -> None:
    opened.api.answers["GET /things"] = Status(status, {"message": "nope"})
    with pytest.raises(kind, match=words) as caught:
        opened.client().get("/things", Thing)
    assert type(caught.value) is kind
    assert getattr(caught.value, "advice", None)


def test_secrets_are_in_no_message(opened: Opened) -> None:
    opened.api.answers["GET /things"] = Status(401, {"message": "the password hunter22 is wrong"})
    with pytest.raises(FatalError) as caught:
        opened.client(secrets=("hunter22",)).get("/things", Thing)
    assert "hunter22" not in str(caught.value)


def test_a_login_that_a_server_quotes_is_in_no_message(opened: Opened) -> None:
    def quoting(asked: Asked) -> Status:
        return Status(400, {"message": f"cannot take {asked.headers['authorization']}"})

    opened.api.answers["GET /things"] = quoting
    with pytest.raises(ConnectorError, match="cannot take") as caught:
        opened.client(auth=httpx.BasicAuth("reader", "hunter22"), secrets=("hunter22",)).get("/things", Thing)
    assert b64encode(b"reader:hunter22").decode() not in str(caught.value)


def test_secrets_are_in_no_repr() -> None:
    headers, basic = {"Authorization": "hunter22"}, httpx.BasicAuth("reader", "hunter22")
    endpoint = Endpoint("Acme", "http://acme", headers=headers, auth=basic, secrets=("hunter22",))
    file = HttpFile("http://acme/a.json?signature=hunter22", "path", headers, ("hunter22",))
    answer = Answer(200, b"{}", "application/json", ("hunter22",))
    shown = [repr(each) for each in (endpoint, file, answer, Call("POST", "/things", {}, {"password": "hunter22"}))]
    assert shown == [
        "Endpoint('Acme', 'http://acme', 'hostPort')",
        "HttpFile('http://acme/a.json', 'path')",
        "Answer(200, b'{}', 'application/json')",
        "Call('POST', '/things', {})",
    ]


@pytest.mark.parametrize("token", ["a-secret\n", "a-secret-with-ü", "a-secret\x00"])
def test_what_cannot_be_sent_is_the_credentials_fault(token: str) -> None:
    endpoint = Endpoint("Acme", "http://127.0.0.1:1", headers={"Authorization": token}, credentials="token")
    with pytest.raises(FatalError, match="the header Authorization must be of printable ASCII") as caught:
        RestClient(endpoint, Report(), Cancellation())
    assert caught.value.advice == "correct token"
    assert "a-secret" not in str(caught.value)


def test_what_a_login_gives_and_cannot_be_sent_is_in_no_message(opened: Opened) -> None:
    def login(_client: RestClient) -> dict[str, str]:
        return {"Authorization": "a-secret\n"}

    client = opened.client(login=login, credentials="password")
    with pytest.raises(FatalError, match="no possible request") as caught:
        client.get("/things", Thing)
    assert caught.value.advice == "correct password"
    assert "a-secret" not in str(caught.value)
    assert opened.api.asked == []


def logging_in(opened: Opened) -> tuple[RestClient, list[str]]:
    """A client with a login; each login gives the next token."""
    given: list[str] = []

    def login(client: RestClient) -> dict[str, str]:
        token = client.post("/login", Thing, {"user": "reader"}, signed=False).name
        return {"Authorization": f"Bearer {token}"}

    def token(asked: Asked) -> dict[str, str]:
        given.append(f"token{len(given)}")
        return {"name": given[-1]}

    opened.api.answers["POST /login"] = token
    return opened.client(login=login, credentials="connection.password"), given


def test_logs_in_once_and_again_when_the_session_is_over(opened: Opened) -> None:
    client, given = logging_in(opened)

    def thing(asked: Asked) -> object:
        current = asked.headers["authorization"] == f"Bearer {valid[0]}"
        return {"name": "one"} if current else Status(401)

    valid = ["token0"]
    opened.api.answers["GET /things"] = thing
    client.get("/things", Thing)
    client.get("/things", Thing)
    assert given == ["token0"]
    valid[0] = "token1"
    client.get("/things", Thing)
    assert given == ["token0", "token1"]


def test_a_user_whom_no_session_helps_is_refused(opened: Opened) -> None:
    client, given = logging_in(opened)
    opened.api.answers["GET /things"] = Status(401)
    with pytest.raises(FatalError) as caught:
        client.get("/things", Thing)
    assert "connection.password" in (caught.value.advice or "")
    assert len(given) == 2


def hang(opened: Opened) -> None:
    opened.api.answers["GET /things"] = {"name": "one"}
    opened.api.faults.add(Fault("/things", "slow", seconds=60, times=99))


def interrupted(opened: Opened, work: Callable[[], T]) -> list[ConnectorError]:
    """What `work` raised when the run was cancelled in the middle of it."""
    raised: list[ConnectorError] = []

    def run() -> None:
        try:
            work()
        except ConnectorError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    eventually(lambda: opened.api.asked)
    opened.cancellation.cancel("stop")
    thread.join(30)
    assert not thread.is_alive()
    return raised


def test_a_cancel_breaks_off_a_request_in_flight(opened: Opened) -> None:
    hang(opened)
    client = opened.client()
    [error] = interrupted(opened, lambda: client.get("/things", Thing))
    assert isinstance(error, RunCancelled)


def test_a_cancel_breaks_off_a_wait(opened: Opened) -> None:
    opened.api.answers["GET /things"] = Status(429, {}, {"Retry-After": "100"})
    client = opened.client(limits=RestLimits(retry=RetryPolicy()))
    [error] = interrupted(opened, lambda: client.get("/things", Thing))
    assert isinstance(error, RunCancelled)


def test_does_not_wait_beyond_the_deadline(opened: Opened) -> None:
    opened.cancellation = Cancellation(30)
    opened.api.answers["GET /things"] = Status(503, {}, {"Retry-After": "100"})
    with pytest.raises(SourceUnavailable, match="tried once"):
        opened.client(limits=RestLimits(retry=RetryPolicy())).get("/things", Thing)


def test_works_ahead_in_order_and_within_bounds(opened: Opened) -> None:
    gate = threading.Barrier(3)
    listed: list[int] = []

    def thing(asked: Asked) -> dict[str, str]:
        gate.wait(60)
        return {"name": asked.path.removeprefix("/things/")}

    def numbers() -> Iterator[int]:
        for number in range(9):
            listed.append(number)
            opened.api.answers[f"GET /things/{number}"] = thing
            yield number

    client = opened.client(limits=RestLimits(retry=QUICK, connections=3))
    found: list[tuple[int, str]] = []
    for number, future in client.ahead(numbers(), lambda number: client.get(f"/things/{number}", Thing)):
        assert len(listed) <= number + 4
        found.append((number, future.result().name))
    assert found == [(number, str(number)) for number in range(9)]
    assert opened.api.most_in_flight == 3


def test_an_error_ahead_is_the_items_own(opened: Opened) -> None:
    opened.api.answers["GET /things/1"] = {"name": "1"}
    client = opened.client()
    futures = dict(client.ahead([0, 1], lambda number: client.get(f"/things/{number}", Thing)))
    assert isinstance(futures[0].exception(), Vanished)
    assert futures[1].result() == Thing("1")


def test_closing_ends_what_is_under_way(opened: Opened) -> None:
    hang(opened)
    with opened.client() as client:
        ahead = client.ahead(range(99), lambda _: client.get("/things", Thing))
        _, future = next(ahead)
        eventually(lambda: opened.api.asked)
    assert isinstance(future.exception(), RunCancelled | SourceUnavailable)
