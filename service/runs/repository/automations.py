"""The tests of connections that OpenMetadata servers wait for, and which of them have lost their process."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.orm import Session
from sqlmodel import col

from service.runs.repository.reports import BATCH, GIVEN_UP_AFTER, LONGEST
from service.runs.tables import AutomationRow
from service.workflows.documents import Json


class Lost(msgspec.Struct, frozen=True):
    """An automation of which nobody told the end in time; `given_up`: it is no more to be told, and forgotten."""

    id: UUID
    document: Json
    given_up: bool


# Whoever takes one has it until the next try is due, which is the later the longer it was tried.
_TAKE = text("""
    with due as (
        select id from automations where tell_at <= now() order by tell_at limit :batch for update skip locked
    )
    update automations a set tell_at = now() + least(:longest, (now() - a.began_at) / 2) from due where a.id = due.id
    returning a.id, a.document, a.began_at < now() - :age as given_up""")


def note(session: Session, document: Json, patience: timedelta) -> UUID:
    """Note one that begins, whose end is told by others if it is not forgotten by then; its number.

    What is secret in it is sealed.
    """
    number = uuid4()
    row = {"id": number, "document": document, "tell_at": func.now() + patience}
    session.execute(insert(AutomationRow).values(row))
    return number


def forget(session: Session, number: UUID) -> None:
    """Its end was told, or there is nobody to be told."""
    session.execute(delete(AutomationRow).where(col(AutomationRow.id) == number))


def hold_all(session: Session) -> Sequence[AutomationRow]:
    """All of them, held until the transaction ends."""
    statement = select(AutomationRow).order_by(col(AutomationRow.id)).with_for_update()
    return session.scalars(statement, execution_options={"populate_existing": True}).all()


def take_lost(session: Session, age: timedelta = GIVEN_UP_AFTER) -> list[Lost]:
    """Those to be told of now, for this caller alone; whatever is older than `age` is given up."""
    values = {"batch": BATCH, "longest": LONGEST, "age": age}
    found = [Lost(row.id, row.document, row.given_up) for row in session.execute(_TAKE, values)]
    for lost in found:
        if lost.given_up:
            forget(session, lost.id)
    return found
