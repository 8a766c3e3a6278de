"""HTTP Basic, as the OpenMetadata server sends it with every call."""

import secrets
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBasic, HTTPBasicCredentials

from service.api.dependencies import ServicesDep

NOT_CONFIGURED = (
    "the pipeline-service contract is off: set HEADWATER_OPENMETADATA_USERNAME and HEADWATER_OPENMETADATA_PASSWORD"
)
WRONG = (
    "wrong or missing credentials: the username and password of the server's pipelineServiceClientConfiguration must "
    "be HEADWATER_OPENMETADATA_USERNAME and HEADWATER_OPENMETADATA_PASSWORD"
)


class Refused(Exception):
    """A call refused before it did anything, answered as `{"error": message}`."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def refusal(request: Request, error: Exception) -> JSONResponse:
    """The answer to a Refused, in the contract's shape."""
    del request
    if not isinstance(error, Refused):
        raise error
    headers = {"WWW-Authenticate": "Basic"} if error.status is HTTPStatus.UNAUTHORIZED else None
    return JSONResponse({"error": error.message}, error.status, headers)


Given = Annotated[HTTPBasicCredentials | None, Depends(HTTPBasic(auto_error=False))]


async def require_credentials(services: ServicesDep, given: Given) -> None:
    """Raises Refused: 403 while the service has no credentials, 401 for wrong or missing ones."""
    settings = services.settings
    username, password = settings.openmetadata_username, settings.openmetadata_password
    if username is None or password is None:
        raise Refused(HTTPStatus.FORBIDDEN, NOT_CONFIGURED)
    expected = username, password.get_secret_value()
    offered = (given.username, given.password) if given else ("", "")
    # Both are compared whatever the first comparison found, so that time tells nothing of either.
    same = [secrets.compare_digest(a.encode(), b.encode()) for a, b in zip(offered, expected, strict=True)]
    if not all(same):
        raise Refused(HTTPStatus.UNAUTHORIZED, WRONG)
