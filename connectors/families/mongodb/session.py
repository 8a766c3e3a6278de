"""One run's connections to a MongoDB server."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from connectors.cancellation import Cancellation
from connectors.definition import CONNECTION_CONFIG
from connectors.errors import ConnectorError, FatalError, SourceUnavailable
from connectors.families.certificates import certificate_files
from connectors.families.mongodb.config import MongoDBConfig
from connectors.families.partial_failures import Vanished
from connectors.report import Report

if TYPE_CHECKING:
    from pymongo import MongoClient

AnswerT = TypeVar("AnswerT")
LOGIN_REFUSED = frozenset({11, 18, 8000})
UNAUTHORIZED, NAMESPACE_NOT_FOUND = 13, 26
WAITS = {"serverSelectionTimeoutMS": 10_000, "connectTimeoutMS": 10_000, "socketTimeoutMS": 60_000}


class Session:
    """Thread-safe."""

    def __init__(
        self, client: "MongoClient[dict[str, Any]]", address: str, report: Report, cancellation: Cancellation
    ) -> None:
        self._client = client
        self._address = address
        self._report = report
        self._cancellation = cancellation

    def check(self) -> None:
        """Stop with the run."""
        self._cancellation.check()

    def asked(self, what: str, ask: Callable[["MongoClient[dict[str, Any]]"], AnswerT]) -> AnswerT:
        """The answer of the server; `what` says what was asked.

        Raises:
            FatalError, SourceUnavailable, ConnectorError: See `failure`.
            RunCancelled: The run was told to stop.
        """
        from pymongo.errors import PyMongoError

        self._cancellation.check()
        began = time.monotonic()
        try:
            return ask(self._client)
        except PyMongoError as error:
            self._cancellation.check()
            raise failure(error, f"{what} at {self._address}") from error
        finally:
            self._report.queried(time.monotonic() - began)


@contextmanager
def opened(config: MongoDBConfig, report: Report, cancellation: Cancellation) -> Generator[Session]:
    """Connections that are made when they are needed, read with a stop of the run, and closed with the block.

    Raises:
        FatalError: The connection cannot be tried as it is written.
    """
    from bson.codec_options import DatetimeConversion
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    with _certificates(config) as tls:
        try:
            client: MongoClient[dict[str, Any]] = MongoClient(
                f"{config.scheme}://{config.host_port}/",
                appname="headwater",
                connect=False,
                username=config.username or None,
                password=config.password.get_secret_value() if config.password else None,
                uuidRepresentation="standard",
                unicode_decode_error_handler="replace",
                datetime_conversion=DatetimeConversion.DATETIME_AUTO,
                **(WAITS | _typed(config.connection_options)),
                **tls,
            )
        except (PyMongoError, ValueError, TypeError, OSError) as error:
            msg = f"the connection to {config.host_port} cannot be tried: {error}"
            raise FatalError(msg, "correct hostPort, connectionOptions or sslConfig") from error
        with client, cancellation.interrupting(client.close):
            yield Session(client, config.host_port, report, cancellation)


def failure(error: Exception, what: str) -> ConnectorError:
    """What an error of pymongo's means, and how to mend it."""
    from pymongo import errors

    message = f"{what}: {str(error).split(', full error:')[0].split(', Topology Description:')[0]}"
    if isinstance(error, errors.OperationFailure):
        if error.code in LOGIN_REFUSED:
            return FatalError(message, "correct username, password and connectionOptions.authSource")
        if error.code == UNAUTHORIZED:
            return ConnectorError(message, "give the user the role read on that database, or readAnyDatabase")
        if error.code == NAMESPACE_NOT_FOUND:
            return Vanished(message)
        return ConnectorError(message)
    if isinstance(error, errors.ConfigurationError):
        return FatalError(message, "correct hostPort, scheme or connectionOptions")
    advice = "see whether hostPort is right, the server runs and its port can be reached from here, and sslMode fits"
    return SourceUnavailable(message, advice)


def _typed(options: dict[str, str]) -> dict[str, Any]:
    """The options as pymongo wants them beside a connection string, where they are texts."""
    flags = {"true": True, "false": False}
    return {key: int(text) if text.isdecimal() else flags.get(text, text) for key, text in options.items()}


@contextmanager
def _certificates(config: MongoDBConfig) -> Generator[dict[str, Any]]:
    if config.ssl_mode == "disable":
        yield {}
        return
    tls: dict[str, Any] = {"tls": True}
    if config.ssl_mode == "require":
        tls["tlsAllowInvalidCertificates"] = True
    if config.ssl_mode == "verify-ca":
        tls["tlsAllowInvalidHostnames"] = True
    with (
        certificate_files(config.ssl_config, f"{CONNECTION_CONFIG}.") as files,
        TemporaryDirectory() as folder,
    ):
        if "sslrootcert" in files:
            tls["tlsCAFile"] = files["sslrootcert"]
        own = [Path(files[name]).read_text(encoding="ascii") for name in ("sslcert", "sslkey") if name in files]
        if own:  # pymongo wants both in one file
            together = Path(folder, "own.pem")
            together.touch(mode=0o600)
            together.write_text("\n".join(own), encoding="ascii")
            tls["tlsCertificateKeyFile"] = str(together)
        yield tls
