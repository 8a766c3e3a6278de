"""HTTP Basic, as the OpenMetadata server sends it with every call."""

import base64
import binascii
import secrets

from fastapi import Request

from service.api.dependencies import ServicesDep
from service.errors import ServiceError

NOT_CONFIGURED = (
    "the pipeline-service contract is off: set HEADWATER_OPENMETADATA_USERNAME and HEADWATER_OPENMETADATA_PASSWORD"
)
WRONG = (
    "wrong or missing credentials: the username and password of the server's pipelineServiceClientConfiguration must "
    "be HEADWATER_OPENMETADATA_USERNAME and HEADWATER_OPENMETADATA_PASSWORD"
)
SCHEME = "basic"


class Unauthenticated(ServiceError):
    """The caller did not show the credentials."""


class Forbidden(ServiceError):
    """Nobody may call, since no credentials were chosen."""


async def require_credentials(request: Request, services: ServicesDep) -> None:
    """Raises Forbidden while the service has no credentials, Unauthenticated for wrong or missing ones."""
    settings = services.settings
    username, password = settings.openmetadata_username, settings.openmetadata_password
    if username is None or password is None:
        raise Forbidden(NOT_CONFIGURED)
    expected = f"{username}:{password.get_secret_value()}".encode()
    if not secrets.compare_digest(_given(request.headers.get("authorization", "")), expected):
        raise Unauthenticated(WRONG)


def _given(header: str) -> bytes:
    """`user:password` of the header; empty when it holds none."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != SCHEME:
        return b""
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
