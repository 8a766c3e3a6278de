"""Certificates and keys: what is taken for one, and what is read of this machine for it."""

from os import mkfifo
from pathlib import Path
from typing import Any

import pytest

from connectors.definition import TlsConfig, parse
from connectors.errors import ConfigurationError
from connectors.families.elasticsearch.config import Certificates
from connectors.families.postgres.config import PostgresConfig
from connectors.pem import MOST_BYTES
from connectors.registry import check
from connectors.source_files import EVERY_FILE, SourceFiles
from tests.unit.connectors.openmetadata.certificates import self_signed

KEY = "sslConfig.caCertificate"
ONE_LINE = "MIIEvgIBADANBgkqhkiG9w0BAQEFAASC" * 300


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that may be read, beside a file that may not."""
    (tmp_path / "allowed").mkdir()
    (tmp_path / "private.pem").write_text(self_signed().certificate, encoding="ascii")
    return tmp_path / "allowed"


def authority(text: str, files: SourceFiles = EVERY_FILE) -> str | None:
    """The text that a connection's `caCertificate` leads to."""
    config = parse(TlsConfig, {"caCertificate": text}, "sslConfig", files)
    return config.pem(config.ca_certificate, KEY)


def told(text: str, files: SourceFiles = EVERY_FILE) -> str:
    with pytest.raises(ConfigurationError) as caught:
        authority(text, files)
    [problem] = caught.value.problems
    assert problem.path == KEY
    return problem.message


def test_a_text_and_a_file_that_holds_it_are_the_same(folder: Path) -> None:
    text = self_signed().certificate
    (folder / "ca.pem").write_text(text, encoding="ascii")
    for written in (text, f"  {text}\n", "ca.pem", str(folder / "ca.pem")):
        assert authority(written, SourceFiles((folder,))) == text
    assert authority(str(folder / "ca.pem")) == text
    assert authority(" ") is None


def test_names_between_the_blocks_are_left_out(folder: Path) -> None:
    first, second = self_signed(), self_signed()
    (folder / "ca.pem").write_text(f"# Főtanúsítvány\n{first.certificate}# ü\n{second.certificate}", encoding="utf-8")
    assert authority("ca.pem", SourceFiles((folder,))) == first.certificate + second.certificate


def test_a_file_elsewhere_is_refused_with_the_same_words_whether_it_is_there_or_not(folder: Path) -> None:
    files = SourceFiles((folder,))
    (folder / "link.pem").symlink_to(folder.parent / "private.pem")
    (folder / "circle").symlink_to(folder / "circle")
    paths = ("../private.pem", "../gone.pem", "/etc/shadow", "/etc/nope", "/proc/self/environ", "link.pem", "circle")
    [message] = {told(path, files) for path in paths}
    assert message == (
        f"is neither the text nor the path of a PEM file below {folder}; write the PEM text, with its lines of BEGIN "
        "and END, or put the file below one of HEADWATER_SOURCE_DIRS"
    )


@pytest.mark.parametrize(
    "text",
    [
        ONE_LINE, "a/" * 3000, "/no/such/file", "/", "a\0b", "-----BEGIN KEY-----\né\n-----END KEY-----",
        "-----BEGIN CERTIFICATE-----\nabc", "-----BEGIN é", "-----BEGIN nothing-----END nothing", "secret:\ud800",
    ],
)  # fmt: skip
def test_what_is_neither_names_its_key_and_is_not_shown(folder: Path, text: str) -> None:
    for files in (EVERY_FILE, SourceFiles((folder,))):
        message = told(text, files)
        assert "write the PEM text, with its lines of BEGIN and END" in message
        assert text[:20] not in message or text == "/"


def test_a_file_without_a_certificate_is_none(folder: Path) -> None:
    (folder / "empty.pem").touch()
    (folder / "text.pem").write_text("hunter2", encoding="ascii")
    (folder / "long.pem").write_bytes(b" " * MOST_BYTES + self_signed().certificate.encode())
    mkfifo(folder / "pipe.pem")  # which nobody writes: it is not opened
    for name in ("empty.pem", "text.pem", "long.pem", "pipe.pem", "gone.pem"):
        message = told(name, SourceFiles((folder,)))
        assert "hunter2" not in message


def test_certificates_of_search_servers_are_read_at_the_same_places(folder: Path) -> None:
    files = SourceFiles((folder,))
    with pytest.raises(ConfigurationError, match=r"certificates\.caCertPath: is neither .* HEADWATER_SOURCE_DIRS"):
        parse(Certificates, {"caCertPath": "/etc/passwd"}, "certificates", files)
    assert parse(Certificates, {"caCertPath": "ca.pem"}, "", files).tls.files is files


CONNECTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "mysql": (KEY, {"type": "Mysql", "username": "u", "hostPort": "localhost:1"}),
    "postgres": (KEY, {"type": "Postgres", "username": "u", "hostPort": "localhost:1", "database": "d"}),
    "mongodb": (KEY, {"type": "MongoDB", "hostPort": "localhost:1", "sslMode": "require"}),
    "hive": (KEY, {"type": "Hive", "hostPort": "localhost:1", "useSSL": True}),
    "prefect": (KEY, {"type": "Prefect", "hostPort": "https://localhost:1", "authType": {}, "verifySSL": "validate"}),
    "kafka": ("consumerConfigSSL.caCertificate", {"type": "Kafka", "bootstrapServers": "localhost:1",
                                                  "securityProtocol": "SSL"}),
    "elasticsearch": ("sslConfig.certificates.caCertPath", {"type": "ElasticSearch", "hostPort": "https://localhost:1"}),
}  # fmt: skip


def below(connection: dict[str, Any], key: str, text: str) -> dict[str, Any]:
    """The connection with a text at a dotted key."""
    given: Any = text
    for name in reversed(key.split(".")):
        given = {name: given}
    return {**connection, **given}


@pytest.mark.parametrize("name", CONNECTIONS)
def test_a_connection_reads_no_certificate_elsewhere(name: str, folder: Path) -> None:
    key, connection = CONNECTIONS[name]
    with pytest.raises(ConfigurationError, match="HEADWATER_SOURCE_DIRS") as caught:
        list(check(name, below(connection, key, "/etc/shadow"), SourceFiles((folder,))))
    [problem] = caught.value.problems
    assert problem.path == key


@pytest.mark.parametrize("name", CONNECTIONS)
def test_a_connection_test_names_the_key_of_what_is_no_certificate(name: str, folder: Path) -> None:
    key, connection = CONNECTIONS[name]
    first = next(iter(check(name, below(connection, key, "gone.pem"), SourceFiles((folder,)))))
    assert first.status == "failed"
    assert f"{key}: is neither the text nor the path of a PEM file below {folder}" in first.message


@pytest.mark.parametrize("keyword", ["sslcert", "sslcrl", "sslcrldir", "sslkey", "sslrootcert"])
@pytest.mark.parametrize("option", ["connectionOptions", "connectionArguments"])
def test_keywords_of_libpq_name_no_file_elsewhere(keyword: str, option: str, folder: Path) -> None:
    connection, files = CONNECTIONS["postgres"][1], SourceFiles((folder,))
    with pytest.raises(ConfigurationError, match=rf"{option}: {keyword} .* does not lie below .*HEADWATER_SOURCE_DIRS"):
        parse(PostgresConfig, {**connection, option: {keyword: "/etc/nope"}}, files=files)
    config = parse(PostgresConfig, {**connection, option: {keyword: "ca.pem"}}, files=files)
    assert config.keywords()[keyword] == str(folder / "ca.pem")


def test_whom_the_operating_system_trusts_is_no_file(folder: Path) -> None:
    given = {**CONNECTIONS["postgres"][1], "connectionArguments": {"sslrootcert": "system"}}
    assert parse(PostgresConfig, given, files=SourceFiles((folder,))).keywords()["sslrootcert"] == "system"


def test_line_ends_may_be_what_a_form_makes_of_them() -> None:
    text = self_signed().certificate
    begin, *lines, end = text.splitlines()
    for written in (
        text.replace("\n", "\\n"),
        text.replace("\n", "\r\n"),
        text.replace("\n", "\\r\\n"),
        text.replace("\n", " "),
        f"{begin}{''.join(lines)}{end}",
    ):
        assert authority(written) == text


def test_a_key_that_is_encrypted_in_the_old_way_keeps_what_decrypts_it() -> None:
    head = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"
    text = f"{head}{'A' * 64}\nAAAA\n-----END RSA PRIVATE KEY-----\n"
    assert authority(text) == text


@pytest.mark.parametrize("cut", ["-----END", "CERTIFICATE-----\n", "MII"])
def test_a_text_that_is_cut_is_refused_when_it_is_written(cut: str) -> None:
    text = self_signed().certificate.replace("MII", "MII?", 1) if cut == "MII" else self_signed().certificate
    broken = text if cut == "MII" else text[: text.rindex(cut)]
    with pytest.raises(ConfigurationError, match="caCertificate: is neither the text"):
        parse(TlsConfig, {"caCertificate": broken}, "sslConfig", EVERY_FILE)
