"""Definitions and rules for tests of the store."""

from cryptography.fernet import Fernet
from pydantic import JsonValue
from sqlalchemy.orm import Session

from service.errors import Invalid, Problem
from service.workflows import operations
from service.workflows.documents import Json, value_at
from service.workflows.operations import CheckedDefinition, Rules, Stored
from service.workflows.schemas import WorkflowCreate
from service.workflows.vault import Vault

KEY = Fernet.generate_key().decode()
PASSWORD = ("source", "password")


class SmallChecker:
    """Knows two connectors with one secret, and fills in one default."""

    def check(self, config: Json) -> CheckedDefinition:
        kind = value_at(config, ("source", "type"))
        if kind not in {"postgres", "mysql"}:
            raise Invalid([Problem("source.type", f"there is no connector {kind!r}")])
        return CheckedDefinition(str(kind), {"threads": 1} | config, (PASSWORD,), ("checked",))


RULES = Rules(SmallChecker(), Vault([KEY]))


def config_of(**source: JsonValue) -> Json:
    return {"source": {"type": "postgres", "password": "hunter2", **source}}


def definition_of(name: str = "shop", **fields: object) -> WorkflowCreate:
    return WorkflowCreate.model_validate({"name": name, "config": config_of()} | fields)


def make_workflow(session: Session, name: str = "shop", **fields: object) -> Stored:
    return operations.create(session, definition_of(name, **fields), RULES)
