"""Which connections are being tested for OpenMetadata servers."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        create table automations (
            id uuid primary key,
            document jsonb not null,
            began_at timestamptz not null default now(),
            tell_at timestamptz not null
        )""")


def downgrade() -> None:
    op.execute("drop table automations")
