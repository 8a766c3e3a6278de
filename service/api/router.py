"""Puts the API together."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.routing import APIRoute

from service.api import (
    audit,
    connectors,
    documentation,
    errors,
    events,
    health,
    keys,
    metrics,
    runs,
    secrets,
    workflows,
)
from service.api.dependencies import Services
from service.api.guard import Guard
from service.api.middleware import RequestMiddleware
from service.api.pipeline_client.application import mount

OPERATING = (health.router, metrics.router)
# In the order in which they are tried: what is asked all the time comes first.
OFFERED = (
    runs.router,
    workflows.router,
    runs.starting,
    events.router,
    connectors.router,
    secrets.router,
    keys.router,
    audit.router,
    *OPERATING,
    documentation.router,
)


def build_api(services: Services) -> FastAPI:
    """The app on these parts of the service; without the role `api` it has probes and metrics only."""
    offered = "api" in services.settings.roles
    app = FastAPI(
        title="Headwater",
        version=version("headwater"),
        description=documentation.DESCRIPTION,
        openapi_tags=documentation.tags(),
        responses=documentation.problem_responses(),
        openapi_url="/openapi.json" if offered else None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    app.state.services = services
    app.add_middleware(Guard, services=services)
    app.add_middleware(RequestMiddleware, metrics=services.metrics)
    errors.install(app)
    routers = OFFERED if offered else OPERATING
    for router in routers:
        app.include_router(router)
    app.state.routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    if offered:
        mount(app, services)
        documentation.complete(app, app.state.routes)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    yield
    await app.state.services.database.questions.close()
