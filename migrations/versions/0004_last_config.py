"""By what an OpenMetadata server can be told of a run whose workflow was deleted."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table runs add column last_config jsonb")


def downgrade() -> None:
    op.execute("alter table runs drop column last_config")
