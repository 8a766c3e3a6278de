"""How an Airflow is reached over TLS; what it holds is read in tests/integration."""

import ssl
from pathlib import Path

import pytest

from connectors import registry
from connectors.connector import CheckResult
from tests.fake_openmetadata import FakeOpenMetadata
from tests.unit.connectors.openmetadata.certificates import self_signed


def first_check(address: str, verify: bool) -> CheckResult:
    connection = {"type": "RestAPI", "authConfig": {"token": "t"}, "verifySSL": verify}
    return next(iter(registry.check("airflow", {"hostPort": address, "connection": connection})))


@pytest.mark.parametrize(
    ("verify", "told"), [(True, "no secure connection"), (False, "is the address of Airflow's API")]
)
def test_certificates_are_checked_unless_told_not_to(tmp_path: Path, verify: bool, told: str) -> None:
    pair = self_signed()
    files = tmp_path / "server.pem"
    files.write_text(pair.certificate + pair.key, encoding="ascii")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files)
    with FakeOpenMetadata(tls=context) as server:
        result = first_check(server.host_port.removesuffix("/api"), verify)
    assert (result.status, told in f"{result.message} {result.advice}") == ("failed", True), result
