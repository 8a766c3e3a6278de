"""A catalogue that is away, broken or refuses something: what is tried again, what is lost, how it is sent later."""

import json
from pathlib import Path

import pytest

from tests.acceptance.api import Api, config_of
from tests.acceptance.catalogues import Catalogue
from tests.acceptance.processes import headwater
from tests.acceptance.sources import SERVICE, Source
from tests.fake_openmetadata import Fault, Manners


def test_an_unreachable_catalogue_is_tried_again_and_then_the_run_failed(api: Api, name: str, shop: Source) -> None:
    with Catalogue() as gone:
        config = config_of(shop.connection(), gone)
    api.create(name, config, policy={"maxAttempts": 2, "retryDelaySeconds": 0, "timeoutSeconds": 1})
    run = api.ended(api.start(name))
    assert (run["state"], run["attempt"]) == ("failed", 2)
    assert run["error"]["title"] == "The catalogue does not answer"
    assert gone.host_port in run["error"]["detail"]
    assert "address and port" in run["error"]["advice"]
    assert [each["outcome"] for each in api.attempts(run["id"])] == ["retrying", "failed"]


def test_a_catalogue_that_answers_500_fails_the_run(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    catalogue.faults.add(Fault("/system/version", status=500, times=1000, message="out of order"))
    api.create(name, config_of(shop.connection(), catalogue), policy={"maxAttempts": 1})
    run = api.ended(api.start(name))
    assert run["state"] == "failed"
    assert "out of order" in run["error"]["detail"]
    assert "log" in run["error"]["advice"]


def test_a_catalogue_that_stumbles_loses_nothing(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    before = api.metrics()["headwater_sink_retries_total"]
    catalogue.faults.add(
        Fault("/tables/bulk", status=503, headers={"Retry-After": "0"}),
        Fault("/databases/bulk", "reset"),
        Fault("/storedProcedures/bulk", status=429, headers={"Retry-After": "0"}),
    )
    api.create(name, config_of(shop.connection(), catalogue))
    run = api.until(api.start(name), "succeeded")
    assert run["attempt"] == 1
    assert catalogue.names() == shop.golden_names()
    assert api.metrics()["headwater_sink_retries_total"] - before == 3


def test_a_refused_token_is_told_and_never_tried_again(api: Api, name: str, shop: Source, catalogue: Catalogue) -> None:
    config = config_of(shop.connection(), catalogue)
    config["workflowConfig"]["openMetadataServerConfig"]["securityConfig"]["jwtToken"] = "another-token"
    api.create(name, config, policy={"maxAttempts": 3, "retryDelaySeconds": 0})
    run = api.ended(api.start(name))
    assert (run["state"], run["attempt"]) == ("failed", 1)
    assert "refuses the token" in run["error"]["detail"]
    assert "securityConfig.jwtToken" in run["error"]["advice"]
    assert "another-token" not in str(run) + api.log(run["id"])


def test_a_refused_table_is_named_and_kept_and_can_be_replayed(
    api: Api, name: str, shop: Source, data_dir: Path, tmp_path: Path
) -> None:
    refused = {"scratch": (400, "this name is not liked here")}
    lost = f"{SERVICE}.{shop.database}.sales.scratch"
    with Catalogue(Manners(refused=refused)) as catalogue:
        config = config_of(shop.connection(), catalogue)
        api.create(name, config)
        run = api.ended(api.start(name))
        assert (run["state"], run["counts"]["failed"]) == ("partial", 1)
        [failure] = api.failures(run["id"])
        assert (failure["entity"], failure["name"]) == ("table", lost)
        assert "this name is not liked here" in failure["cause"]
        assert catalogue.names()["tables"] == shop.golden_names()["tables"] - {lost}

        [letter] = (data_dir / "dead-letters" / f"{run['id']}.jsonl").read_text(encoding="utf-8").splitlines()
        assert json.loads(letter)["fqn"] == lost
        refused.clear()
        definition = tmp_path / "definition.json"
        definition.write_text(json.dumps(config), encoding="utf-8")
        replayed = headwater("replay", data_dir / "dead-letters" / f"{run['id']}.jsonl", "-c", definition)
        assert replayed.returncode == 0, replayed.stderr
        assert catalogue.names() == shop.golden_names()


@pytest.mark.parametrize("kind", ["garbage", "html", "half"])
def test_answers_that_are_none_do_not_pass_for_success(
    api: Api, name: str, shop: Source, catalogue: Catalogue, kind: str
) -> None:
    faults = {
        "garbage": Fault("/tables/bulk", "garbage", times=1000),
        "html": Fault("/tables/bulk", "html", status=200, times=1000),
        "half": Fault("/databaseSchemas/bulk", "half", times=1),
    }
    catalogue.faults.add(faults[kind])
    api.create(name, config_of(shop.connection(), catalogue), policy={"maxAttempts": 1})
    run = api.ended(api.start(name))
    if run["state"] == "succeeded":
        assert catalogue.names() == shop.golden_names()
    else:
        assert run["error"]["detail"]
