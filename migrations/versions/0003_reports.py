"""What an OpenMetadata server still has to be told of a run."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        alter table runs
            add column pipeline text,
            add column told text,
            add column report_at timestamptz not null default now()""")
    op.execute(
        "create index ix_runs_untold on runs (report_at) where pipeline is not null and told is distinct from state"
    )


def downgrade() -> None:
    op.execute("drop index ix_runs_untold")
    op.execute("alter table runs drop column pipeline, drop column told, drop column report_at")
