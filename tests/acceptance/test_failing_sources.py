"""Sources that cannot be read, as a whole or in part: what the run says, and what it delivers all the same."""

import socket

import pytest

from tests.acceptance.api import Api, config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.sources import SERVICE, Source, role_in

AT_ONCE = {"maxAttempts": 3, "retryDelaySeconds": 0}


@pytest.fixture
def closed_port() -> int:
    """A port of this machine at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def stranger(shop: Source) -> Source:
    """The shop, for a role that may not look into the schema `sales`."""
    return role_in(shop.url, "Odd Names", "empty_one")


def test_a_wrong_password_is_told_and_never_tried_again(
    api: Api, name: str, shop: Source, catalogue: Catalogue
) -> None:
    wrong = shop.connection(authType={"password": "not-the-password"})
    api.create(name, config_of(wrong, catalogue), policy=AT_ONCE)
    run = api.ended(api.start(name))
    assert (run["state"], run["attempt"]) == ("failed", 1)
    assert f'password authentication failed for user "{shop.user}"' in run["error"]["detail"]
    assert shop.host_port in run["error"]["detail"]
    assert run["error"]["advice"] == "correct username and authType.password"
    [attempt] = api.attempts(run["id"])
    assert (attempt["outcome"], attempt["error"]) == ("failed", run["error"])
    assert "not-the-password" not in api.log(run["id"]) + str(run)
    assert catalogue.names()["databases"] == set()
    assert catalogue.names()["services/databaseServices"] == set()


def test_a_connection_that_never_worked_is_not_what_the_service_keeps(
    api: Api, name: str, shop: Source, catalogue: Catalogue
) -> None:
    wrong = shop.connection(authType={"password": "not-the-password"})
    api.create(name, config_of(wrong, catalogue), policy=AT_ONCE)
    assert api.ended(api.start(name))["state"] == "failed"
    right = {"name": name, "config": config_of(shop.connection(), catalogue)}
    assert api.http.put(f"/api/v1/workflows/{name}", json=right).is_success
    api.until(api.start(name), "succeeded")
    [service] = catalogue.contents()["services/databaseServices"].values()
    assert service["connection"]["config"]["authType"] == {"password": shop.password}


def test_an_unreachable_source_is_tried_again_and_each_attempt_is_shown(
    api: Api, name: str, shop: Source, catalogue: Catalogue, closed_port: int
) -> None:
    away = shop.connection(hostPort=f"127.0.0.1:{closed_port}")
    api.create(name, config_of(away, catalogue), policy={"maxAttempts": 2, "retryDelaySeconds": 0.1})
    run = api.ended(api.start(name))
    assert (run["state"], run["attempt"]) == ("failed", 2)
    assert run["error"]["title"] == "The source does not answer"
    assert f"127.0.0.1:{closed_port}" in run["error"]["advice"]
    attempts = api.attempts(run["id"])
    assert [(each["attempt"], each["outcome"]) for each in attempts] == [(1, "retrying"), (2, "failed")]
    assert all("onnection refused" in each["error"]["detail"] for each in attempts)
    assert attempts[0]["finishedAt"] <= attempts[1]["startedAt"]


def test_a_source_that_comes_back_is_read_by_the_next_attempt(
    api: Api, name: str, shop: Source, catalogue: Catalogue
) -> None:
    shop.execute(f"alter role {shop.user} connection limit 0")
    try:
        policy = {"maxAttempts": 10, "retryDelaySeconds": 0.5, "retryBackoff": 1}
        api.create(name, config_of(shop.connection(), catalogue), policy=policy)
        run = api.start(name)
        api.until(run, "queued")
    finally:
        shop.execute(f"alter role {shop.user} connection limit -1")
    assert api.ended(run)["state"] == "succeeded"
    assert catalogue.names() == shop.golden_names()


def test_a_schema_that_may_not_be_read_does_not_stop_the_others(
    api: Api, name: str, stranger: Source, catalogue: Catalogue
) -> None:
    config = config_of(stranger.connection(), catalogue)
    config["workflowConfig"]["successThreshold"] = 50
    api.create(name, config)
    run = api.ended(api.start(name))
    assert (run["state"], run["counts"]["failed"]) == ("partial", 1)
    [failure] = api.failures(run["id"])
    assert failure["name"] == f"{SERVICE}.{stranger.database}.sales"
    assert "permission denied" in failure["cause"]
    assert failure["advice"] == f'GRANT USAGE ON SCHEMA "sales" TO "{stranger.user}"'
    rest = {table for table in stranger.golden_names()["tables"] if ".sales." not in table}
    assert catalogue.names()["tables"] == rest


def test_below_the_threshold_the_run_failed(api: Api, name: str, stranger: Source, catalogue: Catalogue) -> None:
    config = config_of(stranger.connection(), catalogue)
    config["workflowConfig"]["successThreshold"] = 99
    api.create(name, config, policy=AT_ONCE)
    run = api.ended(api.start(name))
    assert (run["state"], run["attempt"]) == ("failed", 1)
    assert run["error"]["title"] == "Too many entities failed"
    assert catalogue.names()["tables"]


def test_a_schema_that_may_not_be_read_any_more_is_not_deleted(
    api: Api, name: str, shop: Source, stranger: Source, catalogue: Catalogue
) -> None:
    api.create(name, config_of(shop.connection(), catalogue))
    api.until(api.start(name), "succeeded")
    before = catalogue.names()
    options = {"markDeletedTables": True, "markDeletedSchemas": True, "markDeletedStoredProcedures": True}
    api.create(f"{name}-2", config_of(stranger.connection(), catalogue, options=options))
    api.ended(api.start(f"{name}-2"))
    assert catalogue.names() == before


def test_a_missing_secret_fails_the_run_at_once_with_its_name(
    api: Api, name: str, shop: Source, catalogue: Catalogue
) -> None:
    api.create(name, config_of(shop.connection(authType={"password": "secret:nowhere"}), catalogue), policy=AT_ONCE)
    run = api.ended(api.start(name))
    assert (run["state"], run["attempt"]) == ("failed", 1)
    detail = run["error"]["detail"]
    assert "source.serviceConnection.config.authType.password: there is no secret 'nowhere'" in detail
    assert "HEADWATER_SECRET_NOWHERE" in detail
    assert "/api/v1/secrets/nowhere" in detail
    assert catalogue.count.total() == 0


def test_a_secret_that_was_put_later_serves_the_next_run(
    api: Api, name: str, shop: Source, catalogue: Catalogue
) -> None:
    secret = f"{name}-password"
    api.create(name, config_of(shop.connection(authType={"password": f"secret:{secret}"}), catalogue))
    failed = api.until(api.start(name), "failed")
    assert api.http.put(f"/api/v1/secrets/{secret}", json={"value": shop.password}).status_code == 204
    again = api.post(f"/runs/{failed['id']}/retry")
    run = api.until(again["id"], "succeeded")
    assert (run["trigger"], run["id"] == failed["id"]) == ("retry", False)
    assert api.run(failed["id"])["state"] == "failed"
