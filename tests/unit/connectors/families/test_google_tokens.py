"""Access tokens of Google's: each kind of credentials, against addresses that answer as Google's do."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from typing_extensions import override

from connectors.cancellation import Cancellation
from connectors.definition import parse
from connectors.errors import ConfigurationError, ConnectorError, FatalError, SourceUnavailable
from connectors.families.google.config import GcpCredentials
from connectors.families.google.tokens import MOST_BYTES, GoogleTokens
from connectors.http.proxies import Proxied
from connectors.report import Report
from connectors.source_files import SourceFiles
from tests.answering import Answering, Asked, Status
from tests.bigquery import ACCOUNT, private_key
from tests.plain_http import NO_TLS

Make = Callable[..., GoogleTokens]
STS = "https://sts.googleapis.com/v1/token"


@pytest.fixture
def google() -> Iterator[Answering]:
    answers = {"POST /token": {"access_token": "t-1", "expires_in": 3600, "token_type": "Bearer"}}
    with Answering(answers) as server:
        yield server


def key_file(google: Answering, **more: Any) -> dict[str, Any]:
    """A service account's key as Google writes it."""
    return {
        "type": "service_account",
        "project_id": "acme",
        "private_key": private_key(),
        "private_key_id": "7e57",
        "client_email": ACCOUNT,
        "token_uri": f"{google.address}/token",
        **more,
    }


class Redirected(httpx.HTTPTransport):
    """Addresses of Google's own lead to a server of the test's."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address

    @override
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host.endswith("googleapis.com"):
            request.url = httpx.URL(f"{self._address}{request.url.raw_path.decode()}")
        return super().handle_request(request)


@pytest.fixture
def tokens(google: Answering) -> Iterator[Callable[..., GoogleTokens]]:
    with httpx.Client(transport=Redirected(google.address)) as client:

        def make(
            config: dict[str, Any], folder: Path | None = None, acting: dict[str, Any] | None = None
        ) -> GoogleTokens:
            files = SourceFiles((folder,)) if folder is not None else SourceFiles()
            given = {"gcpConfig": config, "gcpImpersonateServiceAccount": acting}
            credentials = parse(GcpCredentials, given, "credentials", files)
            return GoogleTokens(credentials, Report(), Cancellation(), client)

        yield make


def test_a_key_that_is_written_out(tokens: Make, google: Answering) -> None:
    own = tokens(
        {
            "privateKey": private_key().replace("\n", "\\n"),
            "clientEmail": ACCOUNT,
            "tokenUri": f"{google.address}/token",
        }
    )
    assert own.header() == {"Authorization": "Bearer t-1"}
    assert own.project is None
    [asked] = google.asked
    assert parse_qs(asked.raw.decode())["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]


@pytest.mark.parametrize("kind", ["service_account", "authorized_user"])
def test_a_file_of_credentials(tokens: Make, google: Answering, tmp_path: Path, kind: str) -> None:
    user = {"client_id": "i", "client_secret": "s", "refresh_token": "r", "quota_project_id": "acme"}
    given = key_file(google) if kind == "service_account" else {"type": kind, **user}
    (tmp_path / "key.json").write_text(json.dumps(given))
    own = tokens({"type": "gcp_credential_path", "path": "key.json"}, tmp_path)
    assert own.project == "acme"
    assert own.header() == {"Authorization": "Bearer t-1"}


def test_federation_by_a_file(tokens: Make, google: Answering, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("the-clusters-word")
    google.answers["POST /v1/token"] = {
        "access_token": "federated",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 3600,
    }
    config: dict[str, Any] = {
        "externalType": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
        "subjectTokenType": "urn:ietf:params:oauth:token-type:jwt",
        "tokenURL": STS,
        "credentialSource": {"file": "token"},
    }
    assert tokens(config, tmp_path).header() == {"Authorization": "Bearer federated"}
    assert parse_qs(google.asked[0].raw.decode())["subject_token"] == ["the-clusters-word"]
    file = {key: config[name] for key, name in (("audience", "audience"), ("subject_token_type", "subjectTokenType"))}
    source = {"token_url": STS, "credential_source": {"file": str(tmp_path / "token")}}
    (tmp_path / "pool.json").write_text(json.dumps({"type": "external_account", **file, **source}))
    by_path = tokens({"path": "pool.json"}, tmp_path)
    assert by_path.header() == {"Authorization": "Bearer federated"}


def test_another_account_is_acted_as(tokens: Make, google: Answering) -> None:
    path = "/v1/projects/-/serviceAccounts/other@acme:generateAccessToken"

    def another(asked: Asked) -> dict[str, str]:
        assert asked.headers["authorization"] == "Bearer t-1"
        assert asked.body["lifetime"] == "900s"
        return {"accessToken": "acting", "expireTime": "2999-01-01T00:00:00Z"}

    google.answers[f"POST {path}"] = another
    config = {"privateKey": private_key(), "clientEmail": ACCOUNT, "tokenUri": f"{google.address}/token"}
    acting = {"impersonateServiceAccount": "other@acme", "lifetime": 900}
    assert tokens(config, acting=acting).header() == {"Authorization": "Bearer acting"}
    google.answers[f"POST {path}"] = Status(403, {"error": {"code": 403, "message": "no getAccessToken"}})
    with pytest.raises(FatalError, match="Google gives no access token") as caught:
        tokens(config, acting=acting).header()
    assert "roles/iam.serviceAccountTokenCreator" in str(caught.value.advice)


def test_what_the_service_itself_is(
    tokens: Make, google: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "adc.json").write_text(json.dumps(key_file(google)))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "adc.json"))
    own = tokens({"type": "gcp_adc"})
    assert own.header() == {"Authorization": "Bearer t-1"}
    assert own.project == "acme"
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nowhere.json"))
    with pytest.raises(FatalError, match="the service has no credentials of Google's own") as caught:
        tokens({"type": "gcp_adc"}).header()
    assert "GOOGLE_APPLICATION_CREDENTIALS" in str(caught.value.advice)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ('{"type": "gdch_service_account"}', "path: names a file of type 'gdch_service_account'; it must be of"),
        ("[]", "path: names a file of type None"),
        ('{"type": "external_account", "credential_source": {"executable": {"command": "x"}}}', "names a program"),
        (
            '{"type": "external_account", "token_url": "https://example.com/v1/token"}',
            "token_url is no address of Google",
        ),
        (
            f'{{"type": "external_account", "token_url": "{STS}", "service_account_impersonation_url": "http://a.test"}}',
            "service_account_impersonation_url is no address of Google",
        ),
        ("no json", "the credentials cannot be used"),
        (None, "the credentials cannot be used: .*No such file"),
    ],
)
def test_a_file_that_is_of_no_use(tokens: Make, tmp_path: Path, given: str | None, told: str) -> None:
    if given is not None:
        (tmp_path / "key.json").write_text(given)
    with pytest.raises(ConnectorError, match=told) as caught:
        tokens({"path": "key.json"}, tmp_path).header()
    assert isinstance(caught.value, ConfigurationError) or "correct path" in str(caught.value.advice)


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (Status(400, {"error": "invalid_grant", "error_description": "Invalid JWT"}), FatalError, "invalid_grant"),
        (Status(200, b"<html>hello</html>"), FatalError, "what answers is not Google"),
    ],
)
def test_what_google_may_say(
    tokens: Make, google: Answering, answer: Status, error: type[Exception], told: str
) -> None:
    google.answers["POST /token"] = answer
    config = {"privateKey": private_key(), "clientEmail": ACCOUNT, "tokenUri": f"{google.address}/token"}
    with pytest.raises(error, match=told):
        tokens(config).header()


def test_an_answer_without_end_is_left(tokens: Make, google: Answering) -> None:
    google.answers["POST /token"] = Status(200, b" " * (MOST_BYTES + 1))
    config = {"privateKey": private_key(), "clientEmail": ACCOUNT, "tokenUri": f"{google.address}/token"}
    with pytest.raises(SourceUnavailable, match=r"127\.0\.0\.1: an answer is longer than"):
        tokens(config).header()


def test_google_is_away(tokens: Make) -> None:
    config = {"privateKey": private_key(), "clientEmail": ACCOUNT, "tokenUri": "http://127.0.0.1:1/token"}
    with pytest.raises(SourceUnavailable, match=r"no access token: 127\.0\.0\.1"):
        tokens(config).header()


def test_a_proxy_that_does_not_answer_is_named_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    key = {"privateKey": private_key(), "clientEmail": ACCOUNT, "tokenUri": "http://tokens.invalid/token"}
    credentials = parse(GcpCredentials, {"gcpConfig": key}, "credentials", SourceFiles())
    with httpx.Client(transport=Proxied(NO_TLS)) as client:
        tokens = GoogleTokens(credentials, Report(), Cancellation(), client)
        with pytest.raises(SourceUnavailable, match=r"tokens\.invalid: .* by way of the proxy that HTTP_PROXY names"):
            tokens.header()


def test_a_key_that_is_none(tokens: Make) -> None:
    with pytest.raises(ConfigurationError, match=r"gcpConfig\.privateKey: is no private key in PEM") as caught:
        tokens({"privateKey": "not-a-key", "clientEmail": ACCOUNT}).header()
    assert "not-a-key" not in str(caught.value)


@pytest.mark.parametrize(
    "config",
    [
        {"path": "/etc/passwd"},
        {"audience": "a", "subjectTokenType": "b", "tokenURL": STS, "credentialSource": {"file": "/etc/passwd"}},
    ],
)
def test_files_lie_where_definitions_may_read(tokens: Make, tmp_path: Path, config: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="HEADWATER_SOURCE_DIRS"):
        tokens(config, tmp_path)
