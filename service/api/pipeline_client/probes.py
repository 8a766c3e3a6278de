"""What the OpenMetadata server asks before it sends any work."""

import socket
from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from service.api.dependencies import ServicesDep
from service.api.pipeline_client.credentials import ContractRoute

# Of a network that is never routed: only the way to it is looked up, and nothing is sent.
ELSEWHERE = ("192.0.2.1", 9)

router = APIRouter(route_class=ContractRoute)
everybody = APIRouter()


class Health(BaseModel):
    """The version must share its major and minor part with the server's."""

    status: Literal["healthy"] = "healthy"
    version: str


class CsrfToken(BaseModel):
    """Nothing here is done for a cookie, so nothing is to be protected; with a token the server asks only once."""

    csrf_token: str = Field(default="not-needed")
    message: str = "requests are authenticated one by one"


class Address(BaseModel):
    """Where runs come from, as their sources see it unless addresses are translated on the way."""

    ip: str


@everybody.get("/health")
async def health(services: ServicesDep) -> Health:
    """For anybody."""
    return Health(version=services.settings.openmetadata_version)


@router.get("/health-auth")
async def health_auth(services: ServicesDep) -> Health:
    """For whoever has the credentials."""
    return Health(version=services.settings.openmetadata_version)


@router.get("/csrf-token")
async def csrf_token() -> CsrfToken:
    """The server asks for one before each change."""
    return CsrfToken()


@router.get("/ip")
async def ip() -> Address:
    """The address to let in where a source has a firewall."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(ELSEWHERE)
            return Address(ip=probe.getsockname()[0])
    except OSError:
        return Address(ip="unknown")
