"""Keys of the API, and the record of changes."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        create table api_keys (
            id uuid primary key,
            prefix text not null constraint uq_api_keys_prefix unique,
            digest bytea not null constraint ck_api_keys_digest check (octet_length(digest) = 32),
            name text not null,
            role text not null constraint ck_api_keys_role check (role in ('viewer', 'operator', 'admin')),
            created_by text not null,
            created_at timestamptz not null default now(),
            expires_at timestamptz,
            revoked_at timestamptz,
            last_used_at timestamptz
        )""")
    op.execute("""
        create table audit_log (
            id bigint generated always as identity primary key,
            at timestamptz not null default now(),
            actor text not null,
            key_prefix text,
            via text not null constraint ck_audit_log_via check (via in ('api', 'openmetadata', 'command-line')),
            address text,
            request_id text,
            action text not null,
            resource text not null,
            before jsonb,
            after jsonb
        )""")
    op.execute("create index ix_audit_log_at on audit_log (at)")
    op.execute("create index ix_audit_log_resource on audit_log (resource, id desc)")
    op.execute("create index ix_audit_log_actor on audit_log (actor, id desc)")


def downgrade() -> None:
    op.drop_table("audit_log")
    op.drop_table("api_keys")
