"""Where BigQuery answers, and who may learn a token there."""

from typing import Any

import pytest
from pydantic import ValidationError

from connectors.cancellation import Cancellation
from connectors.errors import ConfigurationError
from connectors.families.bigquery.api import open_bigquery
from connectors.families.bigquery.config import BigQueryConfig
from connectors.report import Report

OWN = {"gcpConfig": {"privateKey": "k", "clientEmail": "a@b"}}
ADC = {"gcpConfig": {"type": "gcp_adc"}}


def config(**given: Any) -> BigQueryConfig:
    return BigQueryConfig.model_validate({"credentials": OWN, **given})


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("bigquery.googleapis.com", "https://bigquery.googleapis.com"),
        ("bigquery.googleapis.com:443/", "https://bigquery.googleapis.com:443"),
        ("https://bigquery-acme.p.googleapis.com/", "https://bigquery-acme.p.googleapis.com"),
        ("http://localhost:9050", "http://localhost:9050"),
    ],
)
def test_an_address_is_a_host_or_more(written: str, address: str) -> None:
    assert config(hostPort=written).address == address


def test_policy_tags_are_elsewhere() -> None:
    assert config().policy_tags_address == "https://datacatalog.googleapis.com"
    assert config(connectionOptions={"datacatalog": "http://x:1"}).policy_tags_address == "http://x:1"


@pytest.mark.parametrize(
    "given",
    [
        {"hostPort": "http://bigquery.googleapis.com"},
        {"hostPort": "evil.com"},
        {"hostPort": "googleapis.com.evil.com"},
        {"hostPort": "evilgoogleapis.com"},
        {"connectionOptions": {"datacatalog": "evil.com/.googleapis.com"}},
    ],
)
def test_a_token_that_is_not_the_definitions_own_stays_with_google(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        config(credentials=ADC, **given)


def test_a_token_of_the_service_is_told_to_google() -> None:
    assert config(credentials=ADC, hostPort="bigquery-acme.p.googleapis.com").credentials.of_the_service()
    with pytest.raises(ValidationError, match="hostPort must be an https address of googleapis"):
        config(credentials=ADC, hostPort="evil.com")


@pytest.mark.parametrize(
    ("given", "projects"),
    [("a-1", ("a-1",)), (["a", "example.com:b", "a"], ("a", "example.com:b")), (None, ())],
)
def test_projects_are_one_or_many(given: Any, projects: tuple[str, ...]) -> None:
    named = config(credentials={"gcpConfig": {**OWN["gcpConfig"], "projectId": given}})
    assert named.credentials.gcp_config.projects == projects


def test_a_proxy_that_cannot_be_used_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://gate:1080")
    monkeypatch.setenv("no_proxy", "")
    refused = pytest.raises(ConfigurationError, match=r"^HTTPS_PROXY: .*set it to the address of an HTTP proxy")
    with refused, open_bigquery(config(), Report(), Cancellation()):
        pass
