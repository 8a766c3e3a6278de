"""Definitions, the queue of runs, and what runs leave behind."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_workflows()
    create_runs()
    index_runs()
    create_traces()
    create_workers()


def downgrade() -> None:
    for table in ("run_checkpoints", "run_logs", "run_failures", "run_attempts", "runs"):
        op.drop_table(table)
    for table in ("workers", "secrets", "workflow_revisions", "workflows"):
        op.drop_table(table)


def create_workflows() -> None:
    op.execute("""
        create table workflows (
            id uuid primary key,
            name text not null constraint uq_workflows_name unique,
            description text not null,
            labels jsonb not null,
            enabled boolean not null,
            schedule jsonb,
            policy jsonb not null,
            config jsonb not null,
            connector text not null,
            revision integer not null constraint ck_workflows_revision check (revision >= 1),
            consecutive_failures integer not null default 0
                constraint ck_workflows_consecutive_failures check (consecutive_failures >= 0),
            paused_reason text,
            tick_cursor timestamptz not null default now(),
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now()
        )""")
    op.execute("create index ix_workflows_labels on workflows using gin (labels jsonb_path_ops)")
    op.execute("""
        create table workflow_revisions (
            workflow_id uuid not null constraint fk_workflow_revisions_workflow_id
                references workflows (id) on delete cascade,
            revision integer not null,
            snapshot jsonb not null,
            created_at timestamptz not null default now(),
            primary key (workflow_id, revision)
        )""")
    op.execute("""
        create table secrets (
            name text primary key,
            ciphertext bytea not null,
            updated_at timestamptz not null default now()
        )""")


def create_runs() -> None:
    op.execute("""
        create table runs (
            id uuid primary key,
            workflow_id uuid constraint fk_runs_workflow_id references workflows (id) on delete set null,
            workflow text not null,
            connector text not null,
            revision integer not null,
            trigger text not null,
            scheduled_for timestamptz,
            state text not null,
            overlap text not null,
            priority integer not null,
            pool text not null,
            policy jsonb not null,
            overrides jsonb not null default '{}',
            idempotency_key text,
            attempt integer not null default 0,
            losses integer not null default 0,
            queued_at timestamptz not null default now(),
            available_at timestamptz not null default now(),
            started_at timestamptz,
            finished_at timestamptz,
            worker text,
            token bigint not null default 0,
            lease_until timestamptz,
            cancel_requested_at timestamptz,
            cancel_reason text,
            counts jsonb not null default '{}',
            progress jsonb not null default '{}',
            error jsonb
        ) with (fillfactor = 85)""")
    check("state", "state in ('queued', 'running', 'succeeded', 'partial', 'failed', 'cancelled', 'skipped')")
    check("trigger", "trigger in ('schedule', 'manual', 'backfill', 'retry')")
    check("overlap", "overlap in ('skip', 'queue', 'cancelRunning')")
    check("lease", "(state = 'running') = (lease_until is not null)")
    check("finished", "(state in ('queued', 'running')) = (finished_at is null)")


def check(name: str, condition: str) -> None:
    op.execute(f"alter table runs add constraint ck_runs_{name} check ({condition})")


def index_runs() -> None:
    unique("tick", "workflow_id, scheduled_for", "scheduled_for is not null")
    unique("idempotency_key", "workflow_id, idempotency_key", "idempotency_key is not null")
    unique("active", "workflow_id", "overlap = 'skip' and state in ('queued', 'running')")
    unique("running", "workflow_id", "state = 'running'")
    op.execute("create index ix_runs_claim on runs (pool, priority desc, queued_at, id) where state = 'queued'")
    op.execute(
        "create index ix_runs_waiting on runs (workflow_id, priority desc, queued_at, id) where state = 'queued'"
    )
    op.execute("create index ix_runs_workflow_id on runs (workflow_id)")
    op.execute("create index ix_runs_newest on runs (queued_at desc, id desc)")
    op.execute("create index ix_runs_workflow on runs (workflow, queued_at desc, id desc)")
    op.execute("create index ix_runs_state on runs (state, queued_at desc, id desc)")
    op.execute("create index ix_runs_finished_at on runs (finished_at) where finished_at is not null")
    op.execute(
        "create index ix_runs_success on runs (workflow_id, finished_at desc) where state in ('succeeded', 'partial')"
    )


def unique(name: str, columns: str, condition: str) -> None:
    op.execute(f"create unique index uq_runs_{name} on runs ({columns}) where {condition}")


def create_traces() -> None:
    of_run = "run_id uuid not null constraint fk_{}_run_id references runs (id) on delete cascade"
    create_attempts(of_run.format("run_attempts"))
    create_failures(of_run.format("run_failures"))
    create_logs(of_run.format("run_logs"))
    create_checkpoints(of_run.format("run_checkpoints"))


def create_attempts(of_run: str) -> None:
    op.execute(f"""
        create table run_attempts (
            {of_run},
            token bigint not null,
            attempt integer not null,
            worker text not null,
            started_at timestamptz not null default now(),
            finished_at timestamptz,
            outcome text not null constraint ck_run_attempts_outcome check (outcome in (
                'running', 'succeeded', 'partial', 'failed', 'cancelled', 'retrying', 'lost', 'released')),
            error jsonb,
            counts jsonb not null default '{{}}',
            primary key (run_id, token)
        )""")


def create_failures(of_run: str) -> None:
    op.execute(f"""
        create table run_failures (
            id bigint generated always as identity primary key,
            {of_run},
            attempt integer not null,
            entity text not null,
            name text not null,
            stage text not null,
            cause text not null,
            advice text,
            at timestamptz not null default now()
        )""")
    op.execute("create index ix_run_failures_run_id on run_failures (run_id, id)")


def create_logs(of_run: str) -> None:
    op.execute(f"""
        create table run_logs (
            id bigint generated always as identity primary key,
            {of_run},
            attempt integer not null,
            at timestamptz not null,
            level text not null,
            logger text not null,
            message text not null
        )""")
    op.execute("create index ix_run_logs_run_id on run_logs (run_id, id)")


def create_checkpoints(of_run: str) -> None:
    op.execute(f"""
        create table run_checkpoints (
            {of_run},
            scope text not null,
            records jsonb not null,
            at timestamptz not null default now(),
            primary key (run_id, scope)
        )""")


def create_workers() -> None:
    op.execute("""
        create table workers (
            id text primary key,
            host text not null,
            pid integer not null,
            pools jsonb not null,
            slots integer not null,
            started_at timestamptz not null default now(),
            seen_at timestamptz not null default now()
        )""")
