"""Who calls, as the guard found out, and what each route asks of them."""

from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.routing import APIRoute

from service.access.authentication import Caller
from service.access.roles import Role
from service.errors import Forbidden, Unauthenticated

CALLER = "caller"
ROLE = "x-required-role"
MISSING = "show an API key: `Authorization: Bearer hw_...`; an administrator makes one with POST /api/v1/keys"

READING = frozenset({"GET", "HEAD"})


def needs(role: Role) -> dict[str, Any]:
    """For `openapi_extra` of a route that asks for another role than its method says."""
    return {ROLE: role.value}


def required_role(route: APIRoute) -> Role:
    """What a route says, else viewer for one that reads and admin for one that changes."""
    given = (route.openapi_extra or {}).get(ROLE)
    if given is not None:
        return Role(given)
    return Role.VIEWER if (route.methods or set()) <= READING else Role.ADMIN


async def _caller(request: Request) -> Caller:
    return caller_of(request)


CallerDep = Annotated[Caller, Depends(_caller)]


def caller_of(request: Request) -> Caller:
    """Who calls. Raises Unauthenticated if nobody said so."""
    found: object = request.scope.get("state", {}).get(CALLER)
    if not isinstance(found, Caller):
        raise Unauthenticated(MISSING)
    return found


def require_role(request: Request, needed: Role) -> None:
    """Raises Forbidden where the caller's role does not do."""
    caller = caller_of(request)
    if not caller.role.includes(needed):
        message = f"this needs the role {needed.value}; the key {caller.name!r} has the role {caller.role.value}"
        raise Forbidden(message)
