"""What Hive's driver reports, as errors that tell the runner what to do and the user how to mend it."""

import importlib
import re

from connectors.errors import ConnectorError, FatalError, SourceUnavailable
from connectors.families.hive.config import HiveConfig

LONGEST = 500
REFUSED = re.compile(
    r"validating the login|authenticat|Bad status|PasswdAuthenticationProvider|GSS|Kerberos|Unauthorized|401",
    re.IGNORECASE,
)
MISSING = re.compile(r"not[_ ]found|does not exist|no such (table|database)|NoSuch", re.IGNORECASE)
DENIED = re.compile(r"permission denied|AccessControl|does not have privileges|not authorized", re.IGNORECASE)
LOST = re.compile(r"Invalid SessionHandle|Invalid session|session .*(closed|expired)", re.IGNORECASE)


def connect_failure(error: Exception, config: HiveConfig) -> ConnectorError:
    """What a failed connection means: to be retried only where time can heal it."""
    text = told(error)
    message = f"cannot connect to {config.host_port}: {text}"
    if REFUSED.search(text):
        return FatalError(message, "correct username, password and auth")
    advice = (
        f"see whether hostPort {config.host_port} is right and can be reached from here, auth is what hive-site.xml "
    )
    return SourceUnavailable(message, f"{advice}says, and the server is up")


def query_failure(error: Exception, subject: str, config: HiveConfig) -> ConnectorError:
    """What a failed question about `subject` means."""
    refusal: type[Exception] = importlib.import_module("impala.error").Error
    text = told(error)
    message = f"{subject}: {text}"
    if not isinstance(error, refusal) or LOST.search(text):
        return SourceUnavailable(message, "see whether the server is up; the run is tried again")
    if DENIED.search(text):
        return ConnectorError(message, f"GRANT SELECT on it to user {config.username or 'of the connection'}")
    if MISSING.search(text):
        return ConnectorError(message, "it was dropped or changed during the run; the next run settles it")
    return ConnectorError(message)


def told(error: Exception) -> str:
    """The first line of what it says, without the trace of the server's."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:LONGEST]
