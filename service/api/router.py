"""Puts the API together."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.routing import APIRoute

from service.api import connectors, documentation, errors, events, health, metrics, runs, secrets, workflows
from service.api.dependencies import Services
from service.api.middleware import RequestMiddleware

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def build_api(services: Services, lifespan: Lifespan | None = None) -> FastAPI:
    """The app with all its routes, on these parts of the service."""
    app = FastAPI(
        title="Headwater",
        version=version("headwater"),
        description=documentation.DESCRIPTION,
        openapi_tags=documentation.tags(),
        responses=documentation.problem_responses(),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.services = services
    app.add_middleware(RequestMiddleware, metrics=services.metrics)
    errors.install(app)
    routers = (
        workflows.router,
        runs.starting,
        runs.router,
        events.router,
        connectors.router,
        secrets.router,
        health.router,
        metrics.router,
        documentation.router,
    )
    for router in routers:
        app.include_router(router)
    app.state.routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    documentation.complete(app)
    return app
