"""Alembic: runs the migrations of this release."""

from collections.abc import Iterator

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table
from sqlalchemy.schema import SetTableComment

from service.database.schema import VERSION_TABLE, migrations_folder

# A migration that takes away what the release before still uses says `contracts = True`, and that one refuses it.
_CONTRACTS = "contracts"


def run(connection: Connection) -> None:
    """Bring the database to the newest schema, and note which releases work on that."""
    config = Config()
    # Alembic reads % as the start of an interpolation.
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    works_with = ",".join(_works_with(ScriptDirectory.from_config(config)))
    connection.execute(SetTableComment(Table(VERSION_TABLE, MetaData(), comment=works_with)))
    connection.commit()


def _works_with(scripts: ScriptDirectory) -> Iterator[str]:
    """The schemas whose releases work on the newest one: back to the last that took something away."""
    for script in scripts.walk_revisions():
        yield script.revision
        if vars(script.module).get(_CONTRACTS):
            return
