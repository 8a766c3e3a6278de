"""HTTP Basic, as the OpenMetadata server sends it with every call."""

import base64
import binascii
import secrets
from typing import TYPE_CHECKING

from fastapi import Request
from typing_extensions import override

from service.access.authentication import Caller
from service.access.roles import Role
from service.api.bodies import DocumentRoute
from service.api.callers import CALLER
from service.errors import Forbidden, TooMany, Unauthenticated

if TYPE_CHECKING:
    from service.settings import Settings

NOT_CONFIGURED = (
    "the pipeline-service contract is off: set HEADWATER_OPENMETADATA_USERNAME and HEADWATER_OPENMETADATA_PASSWORD"
)
WRONG = (
    "wrong or missing credentials: the username and password of the server's pipelineServiceClientConfiguration must "
    "be HEADWATER_OPENMETADATA_USERNAME and HEADWATER_OPENMETADATA_PASSWORD"
)
SCHEME = "basic"
# The error for an address that has to wait, since it called or sent wrong credentials too often.
REFUSAL = "contract_refusal"


class ContractRoute(DocumentRoute):
    """A route for the OpenMetadata server."""

    @override
    def admit(self, request: Request) -> None:
        require_credentials(request)


def require_credentials(request: Request) -> None:
    """Raises Forbidden while the service has no credentials, Unauthenticated for wrong or missing ones."""
    settings: Settings = request.app.state.services.settings
    username, password = settings.openmetadata_username, settings.openmetadata_password
    if username is None or password is None:
        raise Forbidden(NOT_CONFIGURED)
    state = request.scope.setdefault("state", {})
    refusal: TooMany | None = state.get(REFUSAL)
    if refusal is not None:
        raise refusal
    expected = f"{username}:{password.get_secret_value()}".encode()
    if not secrets.compare_digest(_given(request.headers.get("authorization", "")), expected):
        raise Unauthenticated(WRONG)
    state[CALLER] = Caller(username, Role.ADMIN, "openmetadata")


def _given(header: str) -> bytes:
    """`user:password` of the header; empty when it holds none."""
    scheme, _, text = header.partition(" ")
    if scheme.lower() != SCHEME:
        return b""
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
