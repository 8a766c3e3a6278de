"""How search clusters are reached: certificates, and requests that Amazon's service would take."""

import hashlib
import hmac
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from connectors import registry
from connectors.connector import CheckResult
from tests.answering import Answering, Asked, Status
from tests.unit.connectors.openmetadata.certificates import Pair, self_signed

ANSWERS: dict[str, Any] = {
    "GET /": {"version": {"number": "2.19.1", "distribution": "opensearch"}, "cluster_name": "shop"},
    "GET /_resolve/index/*": {"indices": [{"name": "größe&"}], "data_streams": []},
    "GET /gr%C3%B6%C3%9Fe%26": {"größe&": {"mappings": {}}},
    "GET /_index_template": {"index_templates": []},
    "GET /_template": {},
}
KINDS = {"opensearch": "OpenSearch", "elasticsearch": "ElasticSearch"}
SECRET = "wJalrXUtnFEMI"
KEYS = {"awsRegion": "eu-west-1", "awsAccessKeyId": "AKIDEXAMPLE", "awsSecretAccessKey": SECRET}


@pytest.fixture(scope="module")
def pair() -> Pair:
    return self_signed()


@pytest.fixture
def server_side(pair: Pair, tmp_path: Path) -> ssl.SSLContext:
    files = tmp_path / "server.pem"
    files.write_text(pair.certificate + pair.key, encoding="ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files)
    return context


@pytest.fixture
def secure(server_side: ssl.SSLContext) -> Iterator[Answering]:
    with Answering(ANSWERS, tls=server_side) as api:
        yield api


def first_step(address: str, kind: str, **changes: Any) -> CheckResult:
    return next(iter(registry.check(kind, {"type": KINDS[kind], "hostPort": address, **changes})))


def certificates(**given: str) -> dict[str, Any]:
    return {"certificates": given}


def test_an_api_key_that_cannot_be_sent_is_named() -> None:
    result = first_step("http://127.0.0.1:1", "elasticsearch", authType={"apiKey": f"{SECRET}\n"})
    assert "the header Authorization must be of printable ASCII" in result.message
    assert result.advice == "correct authType.apiKey and apiKeyId"
    assert SECRET not in result.message


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_of_nobody_known_is_refused(kind: str, secure: Answering) -> None:
    result = first_step(secure.address, kind)
    assert (result.status, "no secure connection" in result.message) == ("failed", True)
    assert "sslConfig.certificates.caCertValue to the authority" in str(result.advice)
    assert ("verifySSL" in str(result.advice)) is False


@pytest.mark.parametrize("kind", KINDS)
def test_the_authority_is_taken_as_text_and_as_file(kind: str, secure: Answering, pair: Pair, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(pair.certificate, encoding="ascii")
    for given in (certificates(caCertValue=pair.certificate), certificates(caCertPath=str(file))):
        assert first_step(secure.address, kind, sslConfig=given).status == "passed"


def test_what_is_no_certificate_is_named_by_its_key(secure: Answering, tmp_path: Path) -> None:
    gone = certificates(caCertPath=str(tmp_path / "gone.pem"))
    result = first_step(secure.address, "elasticsearch", sslConfig=gone)
    assert "sslConfig.certificates.caCertPath: is neither the text nor the path" in result.message


def test_certificates_are_not_looked_at_where_that_is_said(secure: Answering) -> None:
    assert first_step(secure.address, "opensearch", verifySSL="ignore").status == "passed"


def test_the_clients_own_certificate_is_shown(
    secure: Answering, server_side: ssl.SSLContext, pair: Pair, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(pair.certificate, encoding="ascii")
    server_side.load_verify_locations(file)
    server_side.verify_mode = ssl.CERT_REQUIRED
    authority = {"caCertValue": pair.certificate}
    assert first_step(secure.address, "elasticsearch", sslConfig=certificates(**authority)).status == "failed"
    own = {"clientCertValue": pair.certificate, "privateKeyValue": pair.key}
    assert first_step(secure.address, "elasticsearch", sslConfig=certificates(**authority, **own)).status == "passed"


def derived(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signature(asked: Asked, secret: str) -> tuple[str, str]:
    """What the request is signed with, and what it should be by Amazon's description of Signature Version 4."""
    scheme, _, rest = asked.headers["authorization"].partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    scope = parts["Credential"].partition("/")[2]
    query = "&".join(f"{key}={quote(value, safe='-_.~')}" for key, (value,) in sorted(asked.query.items()))
    signed = parts["SignedHeaders"].split(";")
    headers = "".join(f"{name}:{asked.headers[name].strip()}\n" for name in signed)
    body = hashlib.sha256(asked.raw).hexdigest()
    request = "\n".join((asked.method, quote(asked.path, safe="/-_.~"), query, headers, ";".join(signed), body))
    told = (scheme, asked.headers["x-amz-date"], scope, hashlib.sha256(request.encode()).hexdigest())
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = derived(key, part)
    return parts["Signature"], hmac.new(key, "\n".join(told).encode(), hashlib.sha256).hexdigest()


def test_requests_are_signed_as_amazon_wants_them() -> None:
    with Answering(ANSWERS) as api:
        login = {"type": "OpenSearch", "hostPort": api.address, "authType": {**KEYS, "awsSessionToken": "t0ken"}}
        results = list(registry.check("opensearch", login))
    assert {result.status for result in results} == {"passed"}
    assert len(api.asked) == 5
    for asked in api.asked:
        given, expected = signature(asked, SECRET)
        assert given == expected
        assert "/eu-west-1/es/aws4_request" in asked.headers["authorization"]
        assert asked.headers["x-amz-security-token"] == "t0ken"


@pytest.mark.parametrize(
    "words",
    [
        "The security token included in the request is invalid.",
        "The request signature we calculated does not match the signature you provided.",
    ],
)
def test_keys_that_amazon_refuses_are_wrong_credentials(words: str) -> None:
    refused = Status(403, {"message": words})
    with Answering({"GET /": refused}) as api:
        result = first_step(api.address, "opensearch", authType=KEYS)
    assert (result.status, SECRET in f"{result}") == ("failed", False)
    assert result.advice == "correct authType.awsAccessKeyId, awsSecretAccessKey and awsSessionToken"


def test_no_key_to_sign_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    result = first_step("http://127.0.0.1:1", "opensearch", authType={"awsRegion": "eu-west-1"})
    assert (result.status, "no keys of Amazon's" in result.message) == ("failed", True)
