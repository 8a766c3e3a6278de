"""The record of changes."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from service.access import repository
from service.access.repository import AuditFilter
from service.access.roles import Role
from service.access.schemas import AuditRead
from service.api.bodies import DocumentRoute
from service.api.callers import needs
from service.api.dependencies import BASE, PageQuery, SessionDep
from service.workflows.wire import Instant, Page

router = APIRouter(prefix=f"{BASE}/audit", tags=["audit"], route_class=DocumentRoute)


class AuditQuery(PageQuery):
    """Which changes to list."""

    actor: Annotated[str | None, Field(description="Made by this key's name or user.", max_length=256)] = None
    key_prefix: Annotated[str | None, Field(description="Made with this key.", max_length=64)] = None
    action: Annotated[str | None, Field(description="Such as `workflow.pause`.", max_length=64)] = None
    resource: Annotated[
        str | None, Field(description="Such as `workflows/shop`, or `workflows` for all of them.", max_length=256)
    ] = None
    request_id: Annotated[str | None, Field(description="Made by this request.", max_length=128)] = None
    since: Annotated[Instant | None, Field(description="At this instant or later.")] = None
    until: Annotated[Instant | None, Field(description="Before this instant.")] = None


@router.get("", summary="List the changes", openapi_extra=needs(Role.ADMIN))
def list_audit(session: SessionDep, which: Annotated[AuditQuery, Query()]) -> Page[AuditRead]:
    """Who changed what and when, the newest first, as long as `HEADWATER_RETENTION_AUDIT_DAYS` says."""
    found = AuditFilter(
        which.actor, which.key_prefix, which.action, which.resource, which.request_id, which.since, which.until
    )
    return repository.list_audit(session, found, which.cursor, which.limit)
