"""`sslConfig` as the files that libpq wants to read."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr

from connectors.definition import TlsConfig
from connectors.errors import ConfigurationError, Problem

PEM_MARK = "-----BEGIN"


@contextmanager
def certificate_files(config: TlsConfig | None) -> Generator[dict[str, str]]:
    """The keywords of libpq for `config`; texts lie in files only we can read, until the block ends.

    Raises:
        ConfigurationError: A path names no file; the text of a secret is never shown.
    """
    if config is None:
        yield {}
        return
    given = {
        "sslrootcert": ("caCertificate", config.ca_certificate),
        "sslcert": ("sslCertificate", config.ssl_certificate),
        "sslkey": ("sslKey", config.ssl_key),
    }
    with TemporaryDirectory(prefix="headwater-") as folder:
        yield {
            keyword: str(_file(Path(folder) / keyword, key, secret))
            for keyword, (key, secret) in given.items()
            if secret is not None and secret.get_secret_value().strip()
        }


def _file(private: Path, key: str, secret: SecretStr) -> Path:
    text = secret.get_secret_value().strip()
    if PEM_MARK in text:
        private.touch(mode=0o600)
        private.write_text(f"{text}\n", encoding="ascii")
        return private
    path = Path(text)
    if "\n" in text or not path.is_file():
        problem = Problem(f"sslConfig.{key}", "is neither PEM text nor the path of a file that can be read here")
        raise ConfigurationError([problem])
    return path
