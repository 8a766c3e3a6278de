"""Secrets that definitions refer to by name. Their values go in and never come out."""

from typing import Annotated

from fastapi import APIRouter, Body, Path
from pydantic import Field, SecretStr

from service.access.roles import Role
from service.api import examples
from service.api.bodies import DocumentRoute
from service.api.callers import needs
from service.api.dependencies import BASE, SessionDep, TrailDep, WorkDep
from service.errors import NotFound
from service.workflows import repository
from service.workflows.operations import problems_under
from service.workflows.schemas import NAME_PATTERN
from service.workflows.wire import Input, Output, Page

router = APIRouter(prefix=f"{BASE}/secrets", tags=["secrets"], route_class=DocumentRoute)

SecretName = Annotated[str, Path(description="The name after `secret:`.", pattern=NAME_PATTERN)]


class SecretWrite(Input):
    """The value of a secret."""

    value: SecretStr = Field(min_length=1, max_length=65_536)


class SecretRead(Output):
    """A secret without its value."""

    name: str


@router.get("", summary="List the secrets", openapi_extra=needs(Role.ADMIN))
def list_secrets(session: SessionDep) -> Page[SecretRead]:
    """The names of what is stored here; secrets in files and variables are not listed."""
    return Page(data=[SecretRead(name=name) for name in repository.list_secrets(session)])


@router.put("/{name}", status_code=204, summary="Store a secret")
def put_secret(
    name: SecretName,
    secret: Annotated[SecretWrite, Body(examples=[examples.SECRET])],
    work: WorkDep,
) -> None:
    """Store a value, encrypted, or replace it; runs that start later use it."""
    with problems_under("value"):
        ciphertext = work.rules.vault.encrypt(secret.value.get_secret_value())
    known = repository.find_secret(work.session, name) is not None
    repository.store_secret(work.session, name, ciphertext)
    work.trail.record("secret.put", f"secrets/{name}", {"name": name} if known else None, {"name": name})


@router.delete("/{name}", status_code=204, summary="Delete a secret")
def delete_secret(name: SecretName, session: SessionDep, trail: TrailDep) -> None:
    """Runs that refer to it and start later fail, unless a file or a variable has it."""
    if not repository.delete_secret(session, name):
        message = f"there is no stored secret {name!r}"
        raise NotFound(message)
    trail.record("secret.delete", f"secrets/{name}", before={"name": name})
