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
def certificate_files(config: TlsConfig | None, path: str = "") -> Generator[dict[str, str]]:
    """The keywords of libpq for `config`, which lies at `path`; texts are in private files until the block ends.

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
    with TemporaryDirectory(prefix="headwater-") as folder:
        yield {
            keyword: str(_file(Path(folder) / keyword, f"{path}sslConfig.{key}", secret))
            for keyword, (key, secret) in given.items()
            if secret is not None and secret.get_secret_value().strip()
        }


def _file(private: Path, where: str, secret: SecretStr) -> Path:
    text = secret.get_secret_value().strip()
    if PEM_MARK in text:
        private.touch(mode=0o600)
        private.write_text(f"{text}\n", encoding="ascii")
        return private
    path = Path(text)
    if "\n" in text or not path.is_file():
        problem = Problem(where, "is neither PEM text nor the path of a file that can be read here")
        raise ConfigurationError([problem])
    return path
