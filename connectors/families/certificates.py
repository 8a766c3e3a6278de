"""`sslConfig` as the files that libpq wants to read."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from connectors.definition import TlsConfig


@contextmanager
def certificate_files(config: TlsConfig | None, path: str = "") -> Generator[dict[str, str]]:
    """The keywords of libpq for `config`, which lies at `path`; the texts are in private files until the block ends.

    Raises:
        ConfigurationError: What is given is neither a text nor a file's path; it is not shown, as it may be a secret.
    """
    if config is None:
        yield {}
        return
    given = {
        "sslrootcert": ("caCertificate", config.ca_certificate),
        "sslcert": ("sslCertificate", config.ssl_certificate),
        "sslkey": ("sslKey", config.ssl_key),
    }
    texts = {keyword: config.pem(secret, f"{path}sslConfig.{key}") for keyword, (key, secret) in given.items()}
    with TemporaryDirectory(prefix="headwater-") as folder:
        yield {keyword: _file(Path(folder, keyword), text) for keyword, text in texts.items() if text is not None}


def _file(private: Path, text: str) -> str:
    private.touch(mode=0o600)
    private.write_text(text, encoding="ascii")
    return str(private)
