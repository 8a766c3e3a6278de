import contextvars
import threading
from collections.abc import Callable

import pytest

from connectors import registry
from connectors.connector import ADDRESSES, Capability, Check, CheckResult, Connector, run_checks
from connectors.errors import SourceUnavailable
from connectors.families.database_options import DatabaseConnection
from connectors.families.mysql.config import MysqlConfig
from tests.connectors_page import own_names
from tests.in_memory import connector, memory

LONG = 30.0
VARIABLE = contextvars.ContextVar("VARIABLE", default="unset")
CONFIG = DatabaseConnection()

pytestmark = pytest.mark.usefixtures("threads_end")


def passes(_config: DatabaseConnection) -> str:
    return "3 tables"


def breaks(error: BaseException) -> Callable[[DatabaseConnection], str]:
    def run(_config: DatabaseConnection) -> str:
        raise error

    return run


def check(name: str, run: Callable[[DatabaseConnection], str] = passes, **facts: bool) -> Check[DatabaseConnection]:
    return Check(name, f"{name}?", run, gate=facts.get("gate", False), mandatory=facts.get("mandatory", False))


def statuses(*checks: Check[DatabaseConnection]) -> list[tuple[str, str]]:
    return [(result.name, result.status) for result in run_checks(checks, CONFIG)]


def test_a_step_that_passes_says_what_it_found() -> None:
    [result] = run_checks([check("GetTables", mandatory=True)], CONFIG)
    assert result == CheckResult("GetTables", "GetTables?", "passed", True, result.seconds, "3 tables")
    assert 0 <= result.seconds < LONG


@pytest.mark.parametrize(("mandatory", "status"), [(True, "failed"), (False, "warning")])
def test_a_step_that_fails_says_why_and_what_to_do(mandatory: bool, status: str) -> None:
    error = SourceUnavailable("nobody answers", "start it")
    [result] = run_checks([check("CheckAccess", breaks(error), mandatory=mandatory)], CONFIG)
    assert (result.status, result.message, result.advice) == (status, "nobody answers", "start it")


@pytest.mark.parametrize("error", [ValueError("x"), TimeoutError("x"), SystemExit("x"), KeyboardInterrupt("x")])
def test_whatever_a_step_raises_is_its_result(error: BaseException) -> None:
    [result, after] = run_checks([check("One", breaks(error), mandatory=True), check("Two")], CONFIG)
    assert (result.status, result.message) == ("failed", f"{type(error).__name__}: x")
    assert after.status == "passed"


@pytest.mark.parametrize("mandatory", [True, False])
def test_a_gate_that_fails_closes_the_rest(mandatory: bool) -> None:
    gate = check("CheckAccess", breaks(ValueError("no")), gate=True, mandatory=mandatory)
    results = list(
        run_checks([check("First"), gate, check("GetTables", mandatory=True), check("Gate", gate=True)], CONFIG)
    )
    assert [result.status for result in results] == [
        "passed",
        "failed" if mandatory else "warning",
        "skipped",
        "skipped",
    ]
    assert {result.message for result in results[2:]} == {"not tried because CheckAccess failed"}
    assert [result.mandatory for result in results] == [False, mandatory, True, False]


def test_other_failures_close_nothing() -> None:
    failing = check("GetViews", breaks(ValueError("no")), mandatory=True)
    assert statuses(check("Gate", gate=True), failing, check("GetTags")) == [
        ("Gate", "passed"),
        ("GetViews", "failed"),
        ("GetTags", "passed"),
    ]


def test_results_come_one_by_one() -> None:
    ran: list[str] = []

    def run(_config: DatabaseConnection) -> str:
        ran.append("ran")
        return ""

    results = run_checks([check("One", run), check("Two", run)], CONFIG)
    assert ran == []
    next(results)
    assert ran == ["ran"]
    results = run_checks([], CONFIG)
    assert list(results) == []


@pytest.mark.parametrize(
    ("given", "address", "named"),
    [
        ({"hostPort": "db:3306", "username": "u"}, None, "hostPort"),
        ({"hostPort": "db:3306", "username": "u"}, "workflowConfig.x", "workflowConfig.x"),
    ],
)
def test_a_step_that_hangs_tells_which_key_to_look_at(given: dict[str, str], address: str | None, named: str) -> None:
    go_on = threading.Event()

    def hang(_config: MysqlConfig) -> str:
        go_on.wait(LONG)
        return "too late"

    step = Check("Hang", "", hang, timeout_seconds=0.05, address=address)
    [result] = run_checks([step], MysqlConfig.model_validate(given))
    go_on.set()
    assert result.advice == f"see whether what {named} names can be reached from here"


@pytest.mark.parametrize("name", own_names())
def test_every_connection_has_a_key_that_names_what_is_asked(name: str) -> None:
    fields = registry.get(name).config.model_fields
    assert {field.alias or key for key, field in fields.items()} & set(ADDRESSES)


def test_a_step_that_hangs_is_given_up_and_keeps_no_process_alive() -> None:
    go_on = threading.Event()
    hung: list[threading.Thread] = []

    def hang(_config: DatabaseConnection) -> str:
        hung.append(threading.current_thread())
        go_on.wait(LONG)
        return "too late"

    results = run_checks([Check("Hang", "", hang, mandatory=True, timeout_seconds=0.05), check("Next")], CONFIG)
    result, following = results
    assert (result.status, result.message) == ("failed", "no answer within 0.05 s")
    assert result.advice == "see whether what the connection names can be reached from here"
    assert following.status == "passed"
    assert [thread.daemon for thread in hung] == [True]
    go_on.set()


def test_the_context_reaches_a_step() -> None:
    token = VARIABLE.set("request 7")
    try:
        [result] = run_checks([check("Context", lambda _config: VARIABLE.get())], CONFIG)
    finally:
        VARIABLE.reset(token)
    assert result.message == "request 7"


@pytest.mark.parametrize(
    ("driver", "installed"),
    [
        (None, True),
        ("json", True),
        ("xml.dom", True),
        ("no_such_module_here", False),
        ("no_such_package.at_all", False),
        ("json.no_such_module", False),
        ("json.decoder.deeper", False),
    ],
)
def test_whether_the_driver_is_installed(driver: str | None, installed: bool) -> None:
    given = connector(memory())
    assert (
        Connector(
            name=given.name,
            service_type=given.service_type,
            config=given.config,
            options=given.options,
            capabilities=frozenset({Capability.TABLES}),
            checks=(),
            topology=given.topology,
            driver=driver,
        ).installed
        is installed
    )
