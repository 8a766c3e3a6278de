"""What Alembic runs: the connection comes from service.database.migrate, the model from the tables modules."""

import importlib.util
import pkgutil

from alembic import context
from sqlalchemy import Connection
from sqlmodel import SQLModel

import service


def _load_tables() -> None:
    for package in pkgutil.iter_modules(service.__path__, "service."):
        if package.ispkg and importlib.util.find_spec(f"{package.name}.tables") is not None:
            importlib.import_module(f"{package.name}.tables")


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        compare_type=True,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


_load_tables()
_migrate(context.config.attributes["connection"])
