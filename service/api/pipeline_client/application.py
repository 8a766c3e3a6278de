"""The contract as an application of its own: its errors have another shape than those of the API."""

from http import HTTPStatus
from typing import cast

from fastapi import FastAPI, Request
from fastapi.exceptions import HTTPException, RequestValidationError
from fastapi.responses import JSONResponse

from connectors.errors import ConfigurationError, ConnectorError
from service.api.dependencies import Services
from service.api.errors import headers_of, kind_of, problems_of
from service.api.pipeline_client import probes, routes
from service.api.pipeline_client.prefixes import PREFIXES
from service.errors import Invalid, ServiceError, Unauthenticated

CHALLENGE = {"WWW-Authenticate": 'Basic realm="headwater"'}


def mount(app: FastAPI, services: Services) -> None:
    """Offer the contract under each of its prefixes."""
    contract = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    contract.state.services = services
    contract.include_router(probes.everybody)
    contract.include_router(probes.router)
    contract.include_router(routes.router)
    for error in (ServiceError, ConnectorError, RequestValidationError, *HTTPException.__mro__[:2]):
        contract.add_exception_handler(cast("type[Exception]", error), _refused)
    for prefix in PREFIXES:
        app.mount(prefix, contract)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    # In no thread: a wrong password is counted before the next one is looked at.
    headers = None
    if isinstance(error, HTTPException.__mro__[1]):
        refusal = cast("HTTPException", error)
        status, message, headers = refusal.status_code, f"{refusal.detail}: {request.url.path}", refusal.headers
    elif isinstance(error, Unauthenticated):
        status, message, headers = HTTPStatus.UNAUTHORIZED, str(error), CHALLENGE
    elif isinstance(error, RequestValidationError):
        status, message = HTTPStatus.BAD_REQUEST, str(Invalid(problems_of(error)))
    elif isinstance(error, Invalid | ConfigurationError):
        status, message = HTTPStatus.BAD_REQUEST, str(error)
    elif isinstance(error, ConnectorError):  # its server does not answer us; of 500 and more it would not tell the text
        status, message = HTTPStatus.FAILED_DEPENDENCY, str(error)
    else:
        status, message, headers = kind_of(error).status, str(error), headers_of(error)
    return JSONResponse({"error": message}, status, dict(headers or {}))
