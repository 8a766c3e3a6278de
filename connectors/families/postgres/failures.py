"""What psycopg reports, as errors that tell the runner what to do and the user how to mend it."""

import re
from typing import TYPE_CHECKING

from connectors.errors import ConnectorError, FatalError, SourceUnavailable
from connectors.families.postgres.config import ServerConfig

if TYPE_CHECKING:
    import psycopg

# The server's refusals carry no SQLSTATE while connecting: the text is all there is to go by.
PASSING = re.compile(
    r"too many (clients|connections)|remaining connection slots|the database system is|cannot connect to server"
    r"|server_login_retry|query_wait_timeout|terminating connection|(resolve host|translate host name) ",
    re.IGNORECASE,
)
ASIDES = ("Multiple connection attempts", "Is the server running", "This probably means", "before or while processing")
FULL_DATABASE = "too many connections for database"
NOT_POSTGRES = re.compile(r"invalid response to SSL negotiation|expected authentication request|unsupported frontend")
SERVER_LOST = ("08", "53", "57P", "40001")
QUERY_CANCELED = "57014"
INSUFFICIENT_PRIVILEGE = "42501"
NO_UTF8 = ("22021", "22P05")


class DatabaseRefused(ConnectorError):
    """One of several databases cannot be opened; the others may be."""


def connect_failure(error: "psycopg.Error", config: ServerConfig, database: str) -> ConnectorError:
    """What a failed connection means: to be retried only where time can heal it."""
    detail = _detail(str(error))
    message = f"cannot connect to database {database!r} at {config.host_port}: {detail}"
    advice = _lasting_advice(detail, config, database)
    if FULL_DATABASE in detail and database != config.database:
        return DatabaseRefused(message, "raise the database's connection limit, or leave it out by a filter")
    if advice is None:
        advice = f"see whether hostPort {config.host_port} is right and can be reached from here, and the server is up"
        return SourceUnavailable(message, advice)
    if database != config.database:
        return DatabaseRefused(message, advice)
    return FatalError(message, advice)


def query_failure(error: "psycopg.Error", subject: str, user: str, lost: bool) -> ConnectorError:
    """What a failed query for `subject` means; `lost` says that its session is gone."""
    state = error.sqlstate or ""
    cause = (error.diag.message_primary or str(error)).strip()
    message = f"{subject}: {cause}"
    if state == INSUFFICIENT_PRIVILEGE:
        return ConnectorError(message, _grant(cause, user))
    if state == QUERY_CANCELED:
        return ConnectorError(message, "the server needed too long for one query of its catalogue; try a quieter time")
    if state in NO_UTF8:
        advice = "the database has text that is not in its encoding, or not in UTF-8: write that name or comment anew"
        return ConnectorError(message, advice)
    if lost or state.startswith(SERVER_LOST):
        return SourceUnavailable(message, "see whether the server is up; the run is tried again")
    return ConnectorError(message)


def _grant(cause: str, user: str) -> str:
    refused = re.search(r"permission denied for (table|view|function) (\S+)", cause)
    if refused is None:
        return f"grant the missing right, like GRANT SELECT ON <what the message names> TO {quoted(user)}"
    kind, name = refused.groups()
    right = f"EXECUTE ON FUNCTION {name}" if kind == "function" else f"SELECT ON {name}"
    return f"GRANT {right} TO {quoted(user)}"


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def _detail(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line.rpartition("failed: ")[2] for line in lines if not line.startswith(ASIDES)]
    unique = dict.fromkeys(re.sub(r"\s+", " ", line) for line in told)
    return "; ".join(unique) or "no reason given"


def _lasting_advice(detail: str, config: ServerConfig, database: str) -> str | None:
    """What the user has to change, None where waiting may be enough."""
    if PASSING.search(detail):
        return None
    if NOT_POSTGRES.search(detail):
        return f"what answers at hostPort {config.host_port} is not {config.dialect.system}; correct hostPort"
    for pattern, advice in (
        ("password authentication failed|no password supplied", "correct username and authType.password"),
        ("role .* does not exist|not permitted to log in", "correct username, or let that role log in"),
        ("database .* does not exist", "correct database"),
        ("no pg_hba.conf entry.*no encryption", "set sslMode to require, or allow this host in pg_hba.conf"),
        ("pg_hba.conf", "allow this host, user and database in the server's pg_hba.conf"),
        (
            "permission denied for database",
            f"GRANT CONNECT ON DATABASE {quoted(database)} TO {quoted(config.username)}",
        ),
        ("server does not support SSL", "set sslMode to disable or prefer, or let the server offer SSL"),
        ("root certificate|certificate verify failed", "give the authority's certificate as sslConfig.caCertificate"),
        ("does not match host name", "write the certificate's name in hostPort, or set sslMode to verify-ca"),
        ("certificate|private key|SSL error", "correct sslMode and sslConfig"),
        (
            "FATAL|authentication|invalid|bad value|must be|channel binding",
            "correct the connection, or the server's settings for it",
        ),
    ):
        if re.search(pattern, detail, re.IGNORECASE):
            return advice
    return None
