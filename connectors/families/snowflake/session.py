"""One run's sessions with an account, one for each of its threads: named, limited in time, closed at its end."""

import contextlib
import logging
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from connectors.cancellation import Cancellation
from connectors.definition import CONNECTION_CONFIG
from connectors.errors import ConfigurationError, ConnectorError, RunCancelled
from connectors.families.left_behind import answered
from connectors.families.snowflake.config import SnowflakeConfig
from connectors.families.snowflake.failures import connect_failure, query_failure
from connectors.families.snowflake.queries import MOST_SHOWN
from connectors.report import Report

if TYPE_CHECKING:
    from snowflake.connector import SnowflakeConnection
    from snowflake.connector.cursor import SnowflakeCursor

    Cursor = SnowflakeCursor

AnswerT = TypeVar("AnswerT")
Row = tuple[Any, ...]
Named = dict[str, Any]
APPLICATION_NAME = "headwater"
LOGIN_SECONDS, NETWORK_SECONDS, STATEMENT_SECONDS = 20, 330, 300
FETCH_ROWS = 2000
KEY_PATH = f"{CONNECTION_CONFIG}.privateKey"
logger = logging.getLogger(__name__)


class Sessions:
    """Thread-safe; each thread logs in with its first question."""

    def __init__(self, config: SnowflakeConfig, report: Report, cancellation: Cancellation) -> None:
        self._config = config
        self._report = report
        self._cancellation = cancellation
        self._lock = threading.Lock()
        self._opened: dict[int, SnowflakeConnection] = {}

    def rows(self, subject: str, query: str, *parameters: object) -> list[Row]:
        """All rows of one small question; `subject` says in errors what was being read.

        Raises:
            SourceUnavailable: The account does not answer.
            FatalError: It does not let us in, or gives us no warehouse.
            ConnectorError: It does not answer this question.
        """
        with self._cursor(subject, query, parameters) as cursor:
            return list(self._pieces(subject, cursor))

    def stream(self, subject: str, query: str, *parameters: object) -> Iterator[Row]:
        """The rows, a piece at a time; raises like `rows`."""
        with self._cursor(subject, query, parameters) as cursor:
            yield from self._pieces(subject, cursor)

    def named(self, subject: str, query: str, *parameters: object) -> Iterator[Named]:
        """The rows with the names of their columns, in capitals; raises like `rows`."""
        with self._cursor(subject, query, parameters) as cursor:
            names = [column.name.upper() for column in cursor.description]
            for row in self._pieces(subject, cursor):
                yield dict(zip(names, row, strict=True))

    def shown(self, subject: str, query: str) -> Iterator[Named]:
        """The rows of a SHOW command, like `named`.

        Raises:
            ConnectorError: At the end, when there may be more than are shown.
        """
        count = 0
        for row in self.named(subject, query):
            count += 1
            yield row
        if count >= MOST_SHOWN:
            message = f"{subject}: there may be more than the {MOST_SHOWN} that are shown"
            raise ConnectorError(message, "leave this schema out by schemaFilterPattern, or divide it")

    def close(self) -> None:
        """Log out, politely where the line still holds."""
        with self._lock:
            opened, self._opened = self._opened, {}
        for connection in opened.values():
            with contextlib.suppress(Exception):  # nothing depends on it
                connection.close(retry=False)

    @contextmanager
    def _cursor(self, subject: str, query: str, parameters: tuple[object, ...]) -> Generator["Cursor"]:
        cursor = self._connection().cursor()

        def ask() -> None:
            cursor.execute(query, parameters or None)

        try:
            self._answered(ask, lambda error: query_failure(error, subject, self._config))
            yield cursor
        finally:
            with contextlib.suppress(Exception):  # of one whose connection is gone
                cursor.close()

    def _pieces(self, subject: str, cursor: "Cursor") -> Iterator[Row]:
        more = True
        while more:
            piece = self._answered(
                lambda: cursor.fetchmany(FETCH_ROWS), lambda error: query_failure(error, subject, self._config)
            )
            more = len(piece) == FETCH_ROWS
            for row in piece:
                yield tuple(row)

    def _connection(self) -> "SnowflakeConnection":
        own = threading.get_ident()
        with self._lock:
            found = self._opened.get(own)
        if found is None:
            keywords = self._keywords()
            found = self._answered(lambda: _connected(keywords), lambda error: connect_failure(error, self._config))
            with self._lock:
                self._opened[own] = found
        return found

    def _keywords(self) -> dict[str, Any]:
        config = self._config
        host, port = config.address
        login: dict[str, Any] = {"private_key": private_key(config)} if config.private_key else {}
        if config.password is not None and not login:
            login = {"password": config.password.get_secret_value()}
        parameters: dict[str, Any] = {"STATEMENT_TIMEOUT_IN_SECONDS": STATEMENT_SECONDS}
        if config.query_tag:
            parameters["QUERY_TAG"] = config.query_tag
        return login | {
            "account": config.account,
            "user": config.username,
            "host": host,
            "port": port,
            "protocol": config.protocol,
            "warehouse": config.warehouse,
            "role": config.role,
            "database": config.database,
            "application": APPLICATION_NAME,
            "client_session_keep_alive": config.client_session_keep_alive,
            "login_timeout": config.seconds("login_timeout", LOGIN_SECONDS),
            "network_timeout": config.seconds("network_timeout", NETWORK_SECONDS),
            "session_parameters": parameters,
            "platform_detection_timeout_seconds": 0,
            "log_imported_packages_in_telemetry": False,
        }

    def _answered(self, ask: Callable[[], AnswerT], translate: Callable[[Exception], ConnectorError]) -> AnswerT:
        try:
            return answered(ask, self._report, self._cancellation)
        except RunCancelled:
            self._give_up()
            raise
        except Exception as error:  # what cannot be understood makes the driver stumble in many ways
            raise translate(error) from error

    def _give_up(self) -> None:
        """Have the account end what it still does for this session."""
        with self._lock:
            opened = self._opened.get(threading.get_ident())
        if opened is None:
            return

        def end() -> None:
            try:
                opened.cursor().execute("SELECT SYSTEM$CANCEL_ALL_QUERIES(%s)", (opened.session_id,))
            except Exception:  # the session may be gone already, and so may the account
                logger.debug("the running queries could not be cancelled", exc_info=True)

        threading.Thread(target=end, name="cancel-query", daemon=True).start()


def _connected(keywords: dict[str, Any]) -> "SnowflakeConnection":
    from snowflake.connector import SnowflakeConnection

    return SnowflakeConnection(**keywords)


def private_key(config: SnowflakeConfig) -> bytes:
    """The key that the user shows, as the driver takes it.

    Raises:
        ConfigurationError: It is none, or another passphrase opens it; it is not shown.
    """
    given, phrase = config.private_key, config.snowflake_privatekey_passphrase
    text = given.get_secret_value().replace("\\n", "\n").strip() if given else ""
    passphrase = phrase.get_secret_value().encode() if phrase and phrase.get_secret_value() else None
    try:
        key = serialization.load_pem_private_key(text.encode(), passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        message = "is no private key in PEM that snowflakePrivatekeyPassphrase opens; give the whole text of the file"
        raise ConfigurationError.at(KEY_PATH, message) from error
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
