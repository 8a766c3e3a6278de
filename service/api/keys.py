"""API keys: made, listed, ended. A key is shown once, when it is made."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Response

from service.access import operations, repository
from service.access.keys import PREFIX_PATTERN
from service.access.roles import Role
from service.access.schemas import KeyChange, KeyCreate, KeyCreated, KeyRead
from service.api import examples
from service.api.bodies import DocumentRoute
from service.api.callers import needs
from service.api.dependencies import BASE, PageDep, SessionDep, TrailDep
from service.workflows.wire import Page

router = APIRouter(prefix=f"{BASE}/keys", tags=["keys"], route_class=DocumentRoute)

KeyPrefix = Annotated[
    str, Path(description="The first part of the key, `hw_` included.", pattern=f"^{PREFIX_PATTERN}$")
]


@router.post("", status_code=201, summary="Make an API key")
def create_key(
    wanted: Annotated[KeyCreate, Body(examples=[examples.KEY])],
    session: SessionDep,
    trail: TrailDep,
    response: Response,
) -> KeyCreated:
    """The answer has the key itself, once: of it only a hash is kept."""
    made = operations.create(session, wanted, trail)
    response.headers["Location"] = f"{BASE}/keys/{made.prefix}"
    return made


@router.get("", summary="List the API keys", openapi_extra=needs(Role.ADMIN))
def list_keys(session: SessionDep, page: PageDep) -> Page[KeyRead]:
    """All keys, by prefix; those that were revoked or have expired too."""
    return repository.list_keys(session, page.cursor, page.limit)


@router.get("/{prefix}", summary="Read an API key", openapi_extra=needs(Role.ADMIN))
def read_key(prefix: KeyPrefix, session: SessionDep) -> KeyRead:
    """Everything about a key but the key."""
    return KeyRead.of(repository.get_key(session, prefix))


@router.patch("/{prefix}", summary="Let an API key expire")
def change_key(
    prefix: KeyPrefix,
    wanted: Annotated[KeyChange, Body(examples=[examples.KEY_CHANGE])],
    session: SessionDep,
    trail: TrailDep,
) -> KeyRead:
    """Set when the key ends by itself; 409 for a revoked one."""
    return operations.change(session, prefix, wanted, trail)


@router.delete("/{prefix}", summary="Revoke an API key")
def revoke_key(prefix: KeyPrefix, session: SessionDep, trail: TrailDep) -> KeyRead:
    """End the key for good, in all replicas within a second. It stays in the list."""
    return operations.revoke(session, prefix, trail)
