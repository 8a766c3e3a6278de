"""Probes: whether the process lives, and whether it can do its work."""

import asyncio
from typing import Literal

from fastapi import APIRouter, Response

from service.api.dependencies import ServicesDep
from service.workflows.wire import Output

router = APIRouter(prefix="/health", tags=["health"])


class Live(Output):
    """The process answers."""

    status: Literal["ok"] = "ok"


class ComponentRead(Output):
    """One part of the service."""

    component: str
    ok: bool
    message: str


class Ready(Output):
    """Whether requests can be served, and which part is in the way if not."""

    status: Literal["ok", "unavailable"]
    components: list[ComponentRead]


@router.get("/live", summary="Whether the process answers")
async def live() -> Live:
    """Asks nothing else, so that a database away does not restart every replica."""
    return Live()


@router.get("/ready", summary="Whether requests can be served", responses={503: {"model": Ready}})
async def ready(services: ServicesDep, response: Response) -> Ready:
    """503 while a part of the service cannot do its work, with the part named."""
    # Not among the threads of the API: those may all be waiting for a store that hangs.
    found = await asyncio.to_thread(services.ready)
    components = [ComponentRead(component=part.component, ok=part.ok, message=part.message) for part in found]
    fine = all(part.ok for part in found)
    response.status_code = 200 if fine else 503
    return Ready(status="ok" if fine else "unavailable", components=components)
