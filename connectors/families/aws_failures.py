"""What errors and odd answers of Amazon's services mean."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, TypeVar

import msgspec

from connectors.decoding import convert
from connectors.errors import ConnectorError, FatalError, SourceUnavailable

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

StructT = TypeVar("StructT", bound=msgspec.Struct)
STRANGER = "see whether endPointURL is the address of Amazon's service or of its like"
REFUSED = frozenset({
    "AuthFailure", "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "InvalidAccessKeyId",
    "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch", "UnrecognizedClientException",
})  # fmt: skip
DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"})
BUSY = frozenset({
    "LimitExceededException", "ProvisionedThroughputExceededException", "RequestLimitExceeded",
    "RequestTimeout", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequestsException",
})  # fmt: skip


def code_of(error: ConnectorError) -> str:
    """What Amazon calls the error behind one of ours, such as `NoSuchKey`; empty where it was no answer of theirs."""
    return _told(error, "Code")


def words_of(error: ConnectorError) -> str:
    """What Amazon says of the error behind one of ours, such as `Could not find model x`; empty as above."""
    return _told(error, "Message")


def _told(error: ConnectorError, key: Literal["Code", "Message"]) -> str:
    from botocore.exceptions import ClientError

    cause = error.__cause__
    return str(cause.response.get("Error", {}).get(key, "")) if isinstance(cause, ClientError) else ""


@contextmanager
def translated(what: str, mends: Mapping[str, str] | None = None) -> Generator[None]:
    """Errors of boto3 as ours; `what` says what was tried, `mends` are advices by code."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except ClientError as error:
        raise _refusal(error, what, mends or {}) from error
    except (BotoCoreError, ResponseParserError) as error:
        raise failure(error, what) from error
    except (AttributeError, TypeError, ValueError, RecursionError) as error:  # of boto3, about JSON that is no object
        message = f"{what}: the answer cannot be read: {error}"
        raise SourceUnavailable(message, STRANGER) from error


def failure(error: Exception, what: str) -> ConnectorError:
    """What an error that is no answer means, and how to mend it."""
    from botocore import exceptions

    message = f"{what}: {error}"
    lacking = (exceptions.NoCredentialsError, exceptions.PartialCredentialsError, exceptions.CredentialRetrievalError)
    if isinstance(error, lacking):
        advice = "give awsAccessKeyId and awsSecretAccessKey, or run where the pod or the machine has a role"
        return FatalError(message, advice)
    if isinstance(error, exceptions.ProfileNotFound):
        return FatalError(message, "correct profileName, or write that profile to ~/.aws/config where the service runs")
    if isinstance(error, exceptions.SSLError):
        return FatalError(message, "have AWS_CA_BUNDLE name the certificates of the authority that signed the server's")
    if isinstance(error, exceptions.ParamValidationError | exceptions.UnknownEndpointError):
        return FatalError(message, "correct awsRegion or endPointURL")
    return SourceUnavailable(message, "see whether the address of the service can be reached, and what answers there")


def converted(answer: object, kind: type[StructT], system: str, what: str) -> StructT:
    """An answer as `system` documents it; `what` says what was asked. Raises ConnectorError."""
    try:
        return convert(answer, kind)
    except msgspec.ValidationError as error:
        msg = f"{what}: the answer is not what {system} tells: {error}"
        raise ConnectorError(msg, f"see whether endPointURL is the address of {system}") from error


def _refusal(error: "ClientError", what: str, mends: Mapping[str, str]) -> ConnectorError:
    told = error.response.get("Error", {})
    code = told.get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    message = f"{what}: {code}: {told.get('Message', '')}"
    if code in REFUSED:
        return FatalError(message, "correct awsAccessKeyId, awsSecretAccessKey and awsSessionToken; they are refused")
    if code in DENIED:
        return ConnectorError(message, f"allow {error.operation_name} on it in the user's or the role's policy")
    if code in BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return SourceUnavailable(message, "try again later, or raise the account's limits")
    # What is not Amazon's has no code of its own: boto3 gives the status in its place.
    return ConnectorError(message, STRANGER if code == str(status) else mends.get(code))
