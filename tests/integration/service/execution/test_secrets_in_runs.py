"""Secrets on their way into a run, and nowhere else."""

from pathlib import Path

import pytest

from service.execution.checks import connection_checker
from service.execution.secrets import SecretResolver
from service.runs.status import RunState
from tests.integration.service.execution.replicas import Site, working

SECRET = "hunter2 & more"


@pytest.mark.parametrize("isolation", ["thread", "process"])
@pytest.mark.parametrize("password", ["secret:pw", SECRET])
def test_a_secret_is_in_nothing_that_is_stored(site: Site, isolation: str, password: str) -> None:
    secrets = SecretResolver(None, {"HEADWATER_SECRET_PW": SECRET})
    with working(site, secrets=secrets):
        run = site.ended(run_id := site.queue("leak", policy={"isolation": isolation}, password=password))
    assert run.state is RunState.FAILED
    assert run.error is not None
    assert (run.error.detail, run.error.advice) == ("no entry with **********", "no entry with **********")
    assert site.causes(run_id) == ["no no entry with **********"]
    lines = "\n".join(site.lines(run_id))
    assert "no entry with **********" in lines
    assert "hunter2" not in lines


def test_a_missing_secret_fails_the_run_at_once_with_its_name(site: Site) -> None:
    with working(site, secrets=SecretResolver(Path("/none"), {}, lambda _: None)):
        policy = {"maxAttempts": 3, "retryDelaySeconds": 0}
        run = site.ended(run_id := site.queue(policy=policy, password="secret:om-bot"))
    assert site.outcomes(run_id) == ["failed"]
    assert run.error is not None
    assert run.error.detail == (
        "source.serviceConnection.config.password: there is no secret 'om-bot'; provide it as the file /none/om-bot "
        "or the variable HEADWATER_SECRET_OM_BOT or PUT /api/v1/secrets/om-bot"
    )


@pytest.mark.parametrize("password", ["secret:pw", SECRET])
def test_a_check_tells_no_secret(site: Site, password: str) -> None:
    check = connection_checker(SecretResolver(None, {"HEADWATER_SECRET_PW": SECRET}))
    [result] = check("misbehaving", {"password": password})
    assert (result.status, result.message) == ("passed", "with **********")
