"""What PyMySQL reports, as errors that tell the runner what to do and the user how to mend it."""

from ssl import SSLCertVerificationError

from connectors.errors import ConnectorError, FatalError, SourceUnavailable
from connectors.families.mysql.config import InformationSchemaConfig

PASSING = frozenset({1040, 1053, 1129, 1203, 1226, 2002, 2003, 2005, 2006, 2013, 2014, 2055})
DENIED = frozenset({1044, 1045, 1142, 1143, 1227, 1370, 1698})
GONE = frozenset({1049, 1051, 1146, 1305, 1356})
TOO_SLOW = frozenset({1969, 3024})
LOST = frozenset({1053, 1927, 2006, 2013, 2014, 2055})
ADVICE = {
    1045: "correct username and the password, or allow this host for the user",
    1130: "allow this host for the user in the server's accounts",
    1698: "correct username and the password, or let the user log in by password",
    1251: "let the user log in by mysql_native_password or caching_sha2_password",
    2026: "correct sslConfig, or let the server offer TLS",
}


def number_and_text(error: Exception) -> tuple[int, str]:
    """The server's error number, 0 without one, and what it says."""
    match error.args:
        case (int() as number, *rest):
            return number, " ".join(str(part) for part in rest) or f"error {number}"
        case _:
            return 0, str(error) or type(error).__name__


def certificates_failure(error: OSError | ValueError) -> ConnectorError:
    """What it means that no TLS can be spoken with what `sslConfig` gives."""
    message = f"what sslConfig gives cannot be used: {error}"
    advice = "correct sslConfig: each of its keys takes one PEM text or file, and sslKey one without a passphrase"
    return FatalError(message, advice)


def connect_failure(error: Exception, config: InformationSchemaConfig) -> ConnectorError:
    """What a failed connection means: to be retried only where time can heal it."""
    number, text = number_and_text(error)
    message = f"cannot connect to {config.host_port}: {text}"
    if isinstance(error.__context__, SSLCertVerificationError):  # PyMySQL gives it the number of a server that is away
        return FatalError(message, "set sslConfig.caCertificate to the authority that signed the server's certificate")
    if number in PASSING or isinstance(error, OSError):
        advice = f"see whether hostPort {config.host_port} is right and can be reached from here, and the server is up"
        return SourceUnavailable(message, advice)
    if number in ADVICE:
        return FatalError(message, ADVICE[number])
    if number:
        return FatalError(message, "correct the connection, or the server's settings for it")
    return FatalError(message, f"what answers at hostPort {config.host_port} is not MySQL or MariaDB; correct hostPort")


def query_failure(error: Exception, subject: str, user: str) -> ConnectorError:
    """What a failed query for `subject` means."""
    number, text = number_and_text(error)
    message = f"{subject}: {text}"
    if number in LOST or isinstance(error, OSError):
        return SourceUnavailable(message, "see whether the server is up; the run is tried again")
    if number in DENIED:
        return ConnectorError(message, f"grant the missing right, like GRANT SELECT, SHOW VIEW ON *.* TO '{user}'")
    if number in GONE:
        return ConnectorError(message, "it was dropped or changed during the run; the next run settles it")
    if number in TOO_SLOW:
        return ConnectorError(message, "the server needed too long for one query of its catalogue; try a quieter time")
    if not number:
        return SourceUnavailable(message, "the server's answer cannot be understood; see what lies between")
    return ConnectorError(message)
