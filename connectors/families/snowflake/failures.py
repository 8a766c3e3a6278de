"""What Snowflake's driver reports, as errors that tell the runner what to do and the user how to mend it."""

from collections.abc import Generator
from contextlib import contextmanager

from connectors.errors import ConnectorError, FatalError, RunCancelled, SourceUnavailable
from connectors.families.snowflake.config import SnowflakeConfig

LOGIN = range(390100, 390500)
ADVICE = {
    390100: "correct username, and password or privateKey",
    390144: "give the public half of privateKey to the user: ALTER USER <username> SET RSA_PUBLIC_KEY = '...'",
    390189: "correct role, or GRANT ROLE <role> TO USER <username>",
    390913: "correct account",
}
PASSING = frozenset({390112, 390114, 390195, 390318})  # a session or its token is over
UNREACHABLE = frozenset({250001, 250003, 250005, 251012, 290502, 290503, 290504})
NO_WAREHOUSE = 606
DENIED = frozenset({2003, 2043, 3001, 3540})
TOO_SLOW = frozenset({604, 630})


def connect_failure(error: Exception, config: SnowflakeConfig) -> ConnectorError:
    """What a failed login means: to be retried only where time can heal it."""
    host, port = config.address
    number, text = _number(error), _text(error)
    message = f"cannot connect to {host}:{port}: {text}"
    if number in PASSING:
        return SourceUnavailable(message, "the run is tried again")
    if number in LOGIN:
        return FatalError(message, ADVICE.get(number, "correct username, password or privateKey, role and account"))
    advice = f"see whether account {config.account} is right and {host}:{port} can be reached from here"
    return SourceUnavailable(message, advice)


def query_failure(error: Exception, subject: str, config: SnowflakeConfig) -> ConnectorError:
    """What a failed question about `subject` means."""
    number = _number(error)
    message = f"{subject}: {_text(error)}"
    role = config.role or f"the default role of {config.username}"
    if number == NO_WAREHOUSE:
        return FatalError(message, f"GRANT USAGE ON WAREHOUSE {config.warehouse} TO ROLE {role}, or correct warehouse")
    if number in DENIED:
        return ConnectorError(message, f"GRANT USAGE on the database and the schema, and REFERENCES, to {role}")
    if number in TOO_SLOW:
        return ConnectorError(message, "the account needed too long for one question; try a larger warehouse")
    if number in PASSING or number in UNREACHABLE or number in LOGIN or not number:
        return SourceUnavailable(message, "see whether the account can be reached; the run is tried again")
    return ConnectorError(message)


@contextmanager
def telling_of_tags() -> Generator[None]:
    """What is refused inside is told with the right that tags need, which is not one on the database itself."""
    try:
        yield
    except (FatalError, RunCancelled, SourceUnavailable):
        raise
    except ConnectorError as error:
        advice = "GRANT IMPORTED PRIVILEGES ON DATABASE SNOWFLAKE to the role, or set includeTags to false"
        raise ConnectorError(error.message, advice) from error


def _number(error: Exception) -> int:
    from snowflake.connector.errors import Error

    found = error.errno if isinstance(error, Error | OSError) else None
    return found if isinstance(found, int) and found > 0 else 0


def _text(error: Exception) -> str:
    """One line of what it says."""
    return " ".join(str(error).split()) or type(error).__name__
