import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.cancellation import Cancellation
from connectors.definition import OpenMetadataConnection
from connectors.errors import ConfigurationError, FatalError
from connectors.http.retry import RetryPolicy
from connectors.openmetadata.client import OpenMetadataClient
from connectors.openmetadata.limits import Limits
from connectors.openmetadata.versions import Version
from connectors.report import Report
from tests.fake_openmetadata import FakeOpenMetadata
from tests.unit.connectors.openmetadata.certificates import Pair, self_signed

NOTHING = "-----BEGIN NOTHING-----\nYWJj\n-----END NOTHING-----"


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
def fake(server_side: ssl.SSLContext) -> Iterator[FakeOpenMetadata]:
    with FakeOpenMetadata(tls=server_side) as fake:
        yield fake


def asked(address: str, **settings: Any) -> Version:
    raw = {"hostPort": address, "securityConfig": {"jwtToken": "token"}, **settings}
    limits = Limits(retry=RetryPolicy(tries=2, first_seconds=0.01))
    connection = OpenMetadataConnection.model_validate(raw)
    with OpenMetadataClient(connection, Report(), Cancellation(), limits) as client:
        return client.version()


def test_refuses_a_certificate_of_nobody_it_knows(fake: FakeOpenMetadata) -> None:
    with pytest.raises(FatalError, match="no secure connection") as caught:
        asked(fake.host_port)
    assert "caCertificate" in (caught.value.advice or "")


def test_ignores_certificates_when_told_to(fake: FakeOpenMetadata) -> None:
    assert asked(fake.host_port, verifySSL="ignore") == (2, 0, 7)


def test_trusts_the_authority_it_is_given_as_text(fake: FakeOpenMetadata, pair: Pair) -> None:
    assert asked(fake.host_port, verifySSL="validate", sslConfig={"caCertificate": pair.certificate}) == (2, 0, 7)


def test_trusts_the_authority_it_is_given_as_a_file(fake: FakeOpenMetadata, pair: Pair, tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(pair.certificate, encoding="ascii")
    assert asked(fake.host_port, verifySSL="validate", sslConfig={"caCertificate": str(file)}) == (2, 0, 7)


def test_trusts_only_the_authority_it_is_given(fake: FakeOpenMetadata) -> None:
    with pytest.raises(FatalError, match="no secure connection"):
        asked(fake.host_port, verifySSL="validate", sslConfig={"caCertificate": self_signed().certificate})


def test_shows_its_own_certificate(
    fake: FakeOpenMetadata, server_side: ssl.SSLContext, pair: Pair, tmp_path: Path
) -> None:
    server_side.verify_mode = ssl.CERT_REQUIRED
    server_side.load_verify_locations(cadata=pair.certificate)
    key = tmp_path / "key.pem"
    key.write_text(pair.key, encoding="ascii")
    shown = {"sslCertificate": pair.certificate, "sslKey": str(key)}
    assert asked(fake.host_port, verifySSL="ignore", sslConfig=shown) == (2, 0, 7)


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_says_when_the_server_wants_a_certificate(
    fake: FakeOpenMetadata, server_side: ssl.SSLContext, newest: ssl.TLSVersion
) -> None:
    server_side.maximum_version = newest
    server_side.verify_mode = ssl.CERT_REQUIRED
    with pytest.raises(FatalError, match="no secure connection") as caught:
        asked(fake.host_port, verifySSL="ignore")
    assert "sslConfig.sslCertificate" in (caught.value.advice or "")


def test_says_when_the_server_speaks_no_tls() -> None:
    with FakeOpenMetadata() as fake, pytest.raises(FatalError, match="no secure connection") as caught:
        asked(fake.host_port.replace("http:", "https:"))
    assert "http://" in (caught.value.advice or "")


@pytest.mark.parametrize(
    ("config", "key"),
    [
        ({"caCertificate": "/no/such/file"}, "caCertificate"),
        ({"caCertificate": "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----"}, "caCertificate"),
        ({"sslCertificate": "/no/such/file"}, "sslCertificate"),
        ({"sslCertificate": NOTHING, "sslKey": NOTHING}, "sslCertificate"),
    ],
)
def test_names_the_key_that_cannot_be_used(config: dict[str, str], key: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"sslConfig\.{key}: is neither the text nor the path"):
        asked("https://127.0.0.1:1/api", verifySSL="validate", sslConfig=config)
