"""What the OpenMetadata server asks before it sends any work."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from service.api.dependencies import ServicesDep
from service.api.pipeline_client.credentials import require_credentials

# The server tries them in this order and keeps the first that answers.
PREFIXES = ("/pluginsv2/api/v2/openmetadata", "/api/v2/openmetadata", "/api/v1/openmetadata")

router = APIRouter(tags=["openmetadata"], include_in_schema=False)
Authenticated = Annotated[None, Depends(require_credentials)]


class Health(BaseModel):
    """The version must share its major and minor part with the server's."""

    status: Literal["healthy"] = "healthy"
    version: str


async def _health(services: ServicesDep) -> Health:
    return Health(version=services.settings.openmetadata_version)


async def _health_auth(services: ServicesDep, _: Authenticated) -> Health:
    return Health(version=services.settings.openmetadata_version)


for _prefix in PREFIXES:
    router.add_api_route(f"{_prefix}/health", _health, methods=["GET"])
    router.add_api_route(f"{_prefix}/health-auth", _health_auth, methods=["GET"])
