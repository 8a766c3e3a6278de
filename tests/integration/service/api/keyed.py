"""An API that asks for keys, and a client for each role."""

import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from service.access import operations
from service.access.audit import Actor, Trail
from service.access.roles import Role
from service.access.schemas import KeyCreate
from service.api.router import build_api
from service.database.engine import Database
from tests.integration.service.api.serving import ADMIN_KEY, services_on, serving
from tests.plain_http import NO_TLS
from tests.postgres import Server

SETTINGS: Mapping[str, Any] = {"auth": "keys", "rate_limit": 0, "failed_logins_per_minute": 100_000}


@dataclass(frozen=True)
class Keyed:
    """A running API and its store."""

    address: str
    store: Database
    keys: Mapping[Role, str]

    def call(self, method: str, path: str, key: str | None = None, **arguments: Any) -> httpx.Response:
        """One request, with a key if there is one."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        headers |= arguments.pop("headers", {})
        return httpx.request(
            method, self.address + path, headers=headers, timeout=30, trust_env=False, verify=NO_TLS, **arguments
        )

    def as_role(self, role: Role, method: str, path: str, **arguments: Any) -> httpx.Response:
        """One request with the key of a role."""
        return self.call(method, path, self.keys[role], **arguments)

    def as_admin(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """One request with the key of the settings."""
        return self.call(method, path, ADMIN_KEY, **arguments)


def new_key(store: Database, role: Role, name: str = "a key") -> str:
    """The text of a new key, made as the command line does it."""
    with store.session() as session:
        return operations.create(
            session, KeyCreate(name=name, role=role), Trail(session, Actor("x", "command-line"))
        ).key


@contextmanager
def migrated(server: Server, template: str) -> Generator[Database]:
    """A store of one's own."""
    name = f"test_{uuid.uuid4().hex}"
    store = Database(server.create(name, template), pool_size=5)
    try:
        yield store
    finally:
        store.dispose()
        server.drop(name)


@contextmanager
def keyed(store: Database, **chosen: Any) -> Generator[Keyed]:
    """The API on a store, with a key for each role in it."""
    with serving(build_api(services_on(store, **{**SETTINGS, **chosen}))) as address:
        yield Keyed(address, store, {role: new_key(store, role, role.value) for role in Role})
