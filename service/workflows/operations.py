"""What can be done with a definition. Every change makes a new revision and is announced to the other replicas."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Literal, Protocol, TypeAlias

import msgspec
from sqlalchemy.orm import Session

from service.errors import Conflict, Invalid
from service.workflows import repository
from service.workflows.documents import Json, Path, merge_patch
from service.workflows.schedule import AnySchedule, read_schedule, stored_schedule
from service.workflows.schemas import Snapshot, WorkflowCreate, WorkflowPatch, WorkflowRead, read_labels, read_policy
from service.workflows.tables import RevisionRow, WorkflowRow
from service.workflows.vault import Vault, mask, merge_masked
from service.workflows.wire import validated

Change: TypeAlias = Literal["created", "changed", "unchanged"]


class CheckedDefinition(msgspec.Struct, frozen=True):
    """A config that can be run: normalised, with the paths of its secrets and notes for its author."""

    connector: str
    config: Json
    secret_paths: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"CheckedDefinition({self.connector!r}, {self.secret_paths!r}, {self.notes!r})"


class DefinitionChecker(Protocol):
    """Knows the connectors."""

    def check(self, config: Json) -> CheckedDefinition:
        """The config as it will be stored. Raises Invalid with paths that begin inside it."""
        ...


def _any_schedule(_: AnySchedule) -> None:
    return


def _any_workflow(_: WorkflowRow) -> None:
    return


class Rules(msgspec.Struct, frozen=True):
    """What a definition is held against; `check_schedule` raises Invalid with paths that begin inside the schedule."""

    checker: DefinitionChecker
    vault: Vault
    check_schedule: Callable[[AnySchedule], None] = _any_schedule


class Stored(msgspec.Struct, frozen=True):
    """A definition after an operation, what became of it, and what its author should know."""

    row: WorkflowRow
    change: Change
    notes: tuple[str, ...] = ()


class Candidate(msgspec.Struct, frozen=True):
    """A definition that passed every check: secrets in plain text in `snapshot`, sealed in `sealed`."""

    snapshot: Snapshot
    sealed: Json
    notes: tuple[str, ...]


def create(session: Session, definition: WorkflowCreate, rules: Rules) -> Stored:
    """Store a new definition. Raises Conflict if its name is taken, Invalid with every fault."""
    candidate = check(definition, rules)
    row = _insert(session, definition.name, candidate)
    if row is None:
        message = f"there is already a workflow {definition.name!r}"
        raise Conflict(message)
    return Stored(row, "created", candidate.notes)


def apply(
    session: Session, definition: WorkflowCreate, rules: Rules, require: Callable[[WorkflowRow], None] = _any_workflow
) -> Stored:
    """Make the definition what is stored: a new workflow, a new revision, or nothing if it is so already.

    `require` raises for a workflow of this name that is not to be changed; nobody else changes it meanwhile.
    """
    # Between the insert that found the name taken and the next look somebody may delete what took it.
    while (row := repository.find_locked(session, definition.name)) is None:
        candidate = check(definition, rules)
        inserted = _insert(session, definition.name, candidate)
        if inserted is not None:
            return Stored(inserted, "created", candidate.notes)
    require(row)
    if "enabled" not in definition.model_fields_set:
        definition = definition.model_copy(update={"enabled": row.enabled})
    return _settle(session, row, check(definition, rules, row.config), rules)


def patch(session: Session, name: str, changes: WorkflowPatch, rules: Rules) -> Stored:
    """Change a definition in part. Raises NotFound, or Invalid with every fault of the whole."""
    row = repository.lock(session, name)
    document = WorkflowRead.of(row).model_dump(mode="json", include=set(WorkflowCreate.model_fields))
    given = changes.model_dump(mode="json", exclude_unset=True)
    # Null means something in a policy (no timeout), and one kind of schedule does not merge into another.
    policy = document["policy"] | given.pop("policy", {})
    schedule = given.pop("schedule", document["schedule"])
    merged = merge_patch(document, given) | {"policy": policy, "schedule": schedule}
    return _settle(session, row, check(validated(WorkflowCreate, merged), rules, row.config), rules)


def rollback(session: Session, name: str, revision: int, rules: Rules) -> Stored:
    """Make an earlier revision the newest one; whether the schedule is on or off stays as it is."""
    row = repository.lock(session, name)
    snapshot = Snapshot.model_validate(repository.get_revision(session, row, revision).snapshot, extra="ignore")
    document = snapshot.model_dump(mode="json", exclude={"connector"})
    document |= {"name": row.name, "enabled": row.enabled, "config": mask(snapshot.config)}
    return _settle(session, row, check(validated(WorkflowCreate, document), rules, snapshot.config), rules)


def pause(session: Session, name: str, reason: str | None = None) -> WorkflowRow:
    """Switch the schedule off; no revision. Runs go on, and new ones can be started by hand."""
    row = repository.lock(session, name)
    row.enabled = False
    row.paused_reason = reason or row.paused_reason
    return _announced(session, row)


def resume(session: Session, name: str) -> WorkflowRow:
    """Switch the schedule on from now; ticks missed meanwhile are not fired."""
    row = repository.lock(session, name)
    if not row.enabled:
        _restart(session, row)
    return _announced(session, row)


def delete(session: Session, name: str) -> None:
    """Remove a definition that has no active runs; see service.runs.operations for one that may have."""
    repository.delete(session, repository.lock(session, name))
    repository.notify(session, repository.CHANNEL, name)


def reseal(session: Session, vault: Vault) -> int:
    """Put every stored secret under the first key, so that older ones can be dropped; how many documents had some.

    Raises Invalid for what none of the keys opens.
    """
    workflows, secrets = repository.sealed_workflows(session), repository.secret_rows(session)
    revisions = repository.sealed_revisions(session)
    for workflow in workflows:
        workflow.config = vault.reseal(workflow.config)
    for revision in revisions:
        config = Snapshot.model_validate(revision.snapshot, extra="ignore").config
        resealed: Json = {"config": vault.reseal(config)}
        revision.snapshot = revision.snapshot | resealed
    for secret in secrets:
        secret.ciphertext = vault.encrypt(vault.decrypt(secret.ciphertext))
    session.flush()
    return len(workflows) + len(revisions) + len(secrets)


def check(definition: WorkflowCreate, rules: Rules, stored_config: Json | None = None) -> Candidate:
    """Everything that storing checks, storing nothing; masks stand for the secrets of `stored_config`.

    Raises Invalid with the path of every fault.
    """
    with problems_under("config"):
        plain = rules.vault.open(merge_masked(definition.config, stored_config or {}))
        checked = rules.checker.check(plain)
        sealed = rules.vault.seal(checked.config, checked.secret_paths)
    if definition.schedule is not None:
        with problems_under("schedule"):
            rules.check_schedule(definition.schedule)
    snapshot = Snapshot(
        description=definition.description,
        labels=definition.labels,
        enabled=definition.enabled,
        schedule=definition.schedule,
        policy=definition.policy,
        config=checked.config,
        connector=checked.connector,
    )
    return Candidate(snapshot, sealed, checked.notes)


@contextmanager
def problems_under(field: str) -> Generator[None]:
    """Give the problems of what is checked inside the path of the field that holds it."""
    try:
        yield
    except Invalid as error:
        raise error.under(field) from error


def _insert(session: Session, name: str, candidate: Candidate) -> WorkflowRow | None:
    row = repository.insert_new(session, WorkflowRow(name=name, **_columns(candidate)))
    if row is not None:
        _keep_revision(session, row, candidate)
        _announced(session, row)
    return row


def _settle(session: Session, row: WorkflowRow, candidate: Candidate, rules: Rules) -> Stored:
    if _stored_snapshot(row, rules.vault) == candidate.snapshot:
        return Stored(row, "unchanged", candidate.notes)
    rescheduled = candidate.snapshot.schedule != read_schedule(row.schedule)
    resumed = candidate.snapshot.enabled and not row.enabled
    row.sqlmodel_update(_columns(candidate))
    row.revision += 1
    row.updated_at = repository.database_now(session)
    if resumed:
        _restart(session, row)
    elif rescheduled:
        row.tick_cursor = row.updated_at
    _keep_revision(session, row, candidate)
    return Stored(_announced(session, row), "changed", candidate.notes)


def _stored_snapshot(row: WorkflowRow, vault: Vault) -> Snapshot | None:
    """The row as a snapshot in plain text; None if its secrets cannot be opened any more."""
    try:
        config = vault.open(row.config)
    except Invalid:
        return None
    return Snapshot(
        description=row.description,
        labels=read_labels(row.labels),
        enabled=row.enabled,
        schedule=read_schedule(row.schedule),
        policy=read_policy(row.policy),
        config=config,
        connector=row.connector,
    )


def _columns(candidate: Candidate) -> dict[str, Any]:
    snapshot = candidate.snapshot
    return {
        "description": snapshot.description,
        "labels": dict(snapshot.labels),
        "enabled": snapshot.enabled,
        "schedule": stored_schedule(snapshot.schedule),
        "policy": snapshot.policy.model_dump(mode="json"),
        "config": candidate.sealed,
        "connector": snapshot.connector,
    }


def _keep_revision(session: Session, row: WorkflowRow, candidate: Candidate) -> None:
    sealed = candidate.snapshot.model_copy(update={"config": candidate.sealed})
    snapshot = sealed.model_dump(mode="json")
    session.add(RevisionRow(workflow_id=row.id, revision=row.revision, snapshot=snapshot, created_at=row.updated_at))


def _restart(session: Session, row: WorkflowRow) -> None:
    row.enabled = True
    row.paused_reason = None
    row.consecutive_failures = 0
    row.tick_cursor = repository.database_now(session)


def _announced(session: Session, row: WorkflowRow) -> WorkflowRow:
    session.flush()
    repository.notify(session, repository.CHANNEL, row.name)
    return row
