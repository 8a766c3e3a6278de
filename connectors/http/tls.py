"""How the server's certificate is checked and ours is shown."""

import ssl
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import msgspec

from connectors.definition import TlsConfig, VerifySsl
from connectors.errors import ConfigurationError

NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})
WANTS_OURS = frozenset({"TLSV13_ALERT_CERTIFICATE_REQUIRED", "SSLV3_ALERT_HANDSHAKE_FAILURE"})


class TlsKeys(msgspec.Struct, frozen=True):
    """What users call it: how a certificate is checked (empty where they cannot say), and the texts or files."""

    verify: str = "verifySSL"
    authority: str = "sslConfig.caCertificate"
    certificate: str = "sslConfig.sslCertificate"
    private_key: str = "sslConfig.sslKey"

    def below(self, prefix: str) -> "TlsKeys":
        """The same keys inside another."""
        verify = f"{prefix}{self.verify}" if self.verify else ""
        return TlsKeys(verify, *(f"{prefix}{key}" for key in (self.authority, self.certificate, self.private_key)))


KEYS = TlsKeys()


def tls_context(address: str, verify: VerifySsl, given: TlsConfig | None, keys: TlsKeys = KEYS) -> ssl.SSLContext:
    """The TLS side of a connection.

    Raises:
        ConfigurationError: A certificate or key cannot be used; names its key.
    """
    if address.startswith("http:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never used: loading the usual authorities would cost 30 ms
    config = given or TlsConfig()
    context = _trusting(config, keys, only_given=verify == "validate")
    if verify == "ignore":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    own = config.pem(config.ssl_certificate, keys.certificate)
    if own is not None:
        _show(context, own, config.pem(config.ssl_key, keys.private_key), keys)
    return context


def _trusting(config: TlsConfig, keys: TlsKeys, *, only_given: bool) -> ssl.SSLContext:
    text = config.pem(config.ca_certificate, keys.authority) if only_given else None
    if text is None:
        return httpx.create_ssl_context()
    try:
        return ssl.create_default_context(cadata=text)
    except (OSError, ValueError) as error:
        raise _unusable(error, keys.authority, "certificate") from error


def _show(context: ssl.SSLContext, certificate: str, key: str | None, keys: TlsKeys) -> None:
    with ExitStack() as stack:
        certificate_file = stack.enter_context(_as_file(certificate))
        key_file = stack.enter_context(_as_file(key)) if key else None
        try:
            context.load_cert_chain(certificate_file, key_file, password=lambda: "")
        except (OSError, ValueError) as error:
            raise _unusable(error, keys.certificate, "certificate and key") from error


@contextmanager
def _as_file(text: str) -> Generator[str, None, None]:
    """OpenSSL reads keys from files only: text is lent to it in one that only we can read."""
    with tempfile.TemporaryDirectory(prefix="headwater-tls-") as folder:
        file = Path(folder, "pem")
        file.write_text(text, encoding="ascii")
        yield str(file)


def _unusable(error: Exception, path: str, what: str) -> ConfigurationError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return ConfigurationError.at(path, f"is neither the text nor the path of a usable PEM {what}: {reason}")


def advice_on_tls(error: BaseException, keys: TlsKeys = KEYS, key: str = "hostPort") -> str | None:
    """What to do about a connection that no retry will make secure; None when that is not what failed.

    `key` is what holds the address.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            check = f"{keys.verify} to validate and " if keys.verify else ""
            return f"set {check}{keys.authority} to the authority that signed the certificate"
        if isinstance(cause, ssl.SSLError) and cause.reason in NOT_TLS:
            return f"the server does not speak TLS at this address: write http:// in {key}"
        if isinstance(cause, ssl.SSLError) and cause.reason in WANTS_OURS:
            own = keys.private_key.rpartition(".")[2]
            return f"if the server wants to see a certificate, give it {keys.certificate} and {own}"
        cause = cause.__cause__ or cause.__context__
    return None
