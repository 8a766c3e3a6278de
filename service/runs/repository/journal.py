"""What the owner of a run writes while it goes on. Nothing is written under a stale token."""

import json
import re
from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from pydantic import JsonValue
from sqlalchemy import Row, TextClause, text
from sqlalchemy.orm import Session

from service.workflows.documents import Json, storable, storable_document

MAX_TEXT = 16_000
MAX_FAILURES = 10_000
SUSPECT = re.compile(r"\\u0000|\\ud[89a-f]|NaN|Infinity")


class Lease(msgspec.Struct, frozen=True):
    """The right to write about a run: good until somebody else claims it."""

    run_id: UUID
    token: int


class LogLine(msgspec.Struct, frozen=True):
    """One line to keep of a run."""

    at: datetime
    level: str
    logger: str
    message: str


class LostEntity(msgspec.Struct, frozen=True):
    """One failure to keep of a run."""

    entity: str
    name: str
    stage: str
    cause: str
    advice: str | None = None


_PROGRESS = text("""
    update runs set progress = cast(:progress as jsonb), counts = cast(:counts as jsonb)
    where id = :run and token = :token and state = 'running' returning id""")

# The last words of a run may follow its end, in the transaction that ends it.
_OWNED = "(r.state = 'running' or r.finished_at = now())"

_LOGS = text(
    """
    with told as (
        select * from unnest(
            cast(:runs as uuid[]), cast(:tokens as bigint[]), cast(:at as timestamptz[]), cast(:level as text[]),
            cast(:logger as text[]), cast(:message as text[])
        ) with ordinality as l(run, token, at, level, logger, message, position)
    ), owner as (
        select r.id, r.token, r.attempt, t.adding
        from (select run, token, count(*) as adding from told group by run, token) t
        join runs r on r.id = t.run and r.token = t.token and $owned
    ), added as (
        insert into run_logs (run_id, attempt, at, level, logger, message)
        select owner.id, owner.attempt, l.at, l.level, l.logger, l.message
        from told l join owner on owner.id = l.run and owner.token = l.token
        order by l.position
    )
    select id, token, adding > :keep or exists (
        select from run_logs where run_id = owner.id offset greatest(0, :keep - owner.adding)
    ) as full from owner""".replace("$owned", _OWNED)
)

_TRIM_LOGS = text("""
    delete from run_logs where run_id = :run
    and id >= (select id from run_logs where run_id = :run order by id offset :head limit 1)
    and id <= (select id from run_logs where run_id = :run order by id desc offset :tail limit 1)""")

_FAILURES = text(
    """
    with owner as (
        select r.id, r.attempt from runs r where r.id = :run and r.token = :token and $owned
    ), added as (
        insert into run_failures (run_id, attempt, entity, name, stage, cause, advice)
        select owner.id, owner.attempt, f.entity, f.name, f.stage, f.cause, f.advice
        from owner cross join unnest(
            cast(:entity as text[]), cast(:name as text[]), cast(:stage as text[]), cast(:cause as text[]),
            cast(:advice as text[])
        ) with ordinality as f(entity, name, stage, cause, advice, position)
        order by f.position
        limit greatest(0, :keep - (select count(*) from run_failures where run_id = :run))
    )
    select id from owner""".replace("$owned", _OWNED)
)

_CHECKPOINTS = text(
    """
    with owner as (
        select r.id, r.attempt from runs r where r.id = :run and r.token = :token and $owned
    ), added as (
        insert into run_checkpoints (run_id, scope, records)
        select owner.id, c.scope, c.records
        from owner cross join unnest(cast(:scope as text[]), cast(:records as jsonb[])) as c(scope, records)
        on conflict (run_id, scope) do update set records = excluded.records, at = excluded.at
    )
    select id from owner""".replace("$owned", _OWNED)
)


def update_progress(session: Session, lease: Lease, progress: Json, counts: Json) -> bool:
    """Show how far the run is; whether it is still the owner's."""
    return _written(session, _PROGRESS, lease, progress=packed(progress), counts=packed(counts)) is not None


def add_logs(session: Session, lines: Mapping[Lease, Sequence[LogLine]], keep: int) -> Set[Lease]:
    """Keep these lines, of more than `keep` of a run the first and the last; those that are still their owners'."""
    told = [(lease, line) for lease, of_run in lines.items() for line in of_run]
    values = {
        "keep": keep,
        "runs": [lease.run_id for lease, _ in told],
        "tokens": [lease.token for lease, _ in told],
        "at": [line.at for _, line in told],
        "level": [storable(line.level) for _, line in told],
        "logger": [storable(line.logger) for _, line in told],
        "message": [_bounded(line.message) for _, line in told],
    }
    owned = session.execute(_LOGS, values).all()
    tail = keep // 2
    for row in owned:
        if row.full:
            session.execute(_TRIM_LOGS, {"run": row.id, "head": keep - tail, "tail": tail})
    return {Lease(row.id, row.token) for row in owned}


def add_failures(session: Session, lease: Lease, lost: Sequence[LostEntity], keep: int = MAX_FAILURES) -> bool:
    """Keep these failures, of one run the first `keep`; whether the run is still the owner's."""
    owner = _written(
        session,
        _FAILURES,
        lease,
        keep=keep,
        entity=[storable(one.entity) for one in lost],
        name=[_bounded(one.name) for one in lost],
        stage=[storable(one.stage) for one in lost],
        cause=[_bounded(one.cause) for one in lost],
        advice=[None if one.advice is None else _bounded(one.advice) for one in lost],
    )
    return owner is not None


def checkpoint(session: Session, lease: Lease, scopes: Mapping[str, Mapping[str, int]]) -> bool:
    """Note that everything below these scopes is delivered; whether the run is still the owner's."""
    records = [json.dumps(dict(counts)) for counts in scopes.values()]
    named = [storable(scope) for scope in scopes]
    return _written(session, _CHECKPOINTS, lease, scope=named, records=records) is not None


def packed(document: Mapping[str, JsonValue] | None) -> str | None:
    """A document as a parameter of a statement."""
    if document is None:
        return None
    text = json.dumps(document)
    # Escaped, all that Postgres cannot hold looks like this, and little else does.
    return json.dumps(storable_document(dict(document))) if SUSPECT.search(text) else text


def _written(session: Session, statement: TextClause, lease: Lease, **values: object) -> Row[*tuple[Any, ...]] | None:
    """What the statement says of the run, if it is still the owner's."""
    return session.execute(statement, values | {"run": lease.run_id, "token": lease.token}).one_or_none()


def _bounded(words: str) -> str:
    return storable(words if len(words) <= MAX_TEXT else words[:MAX_TEXT] + "…")
