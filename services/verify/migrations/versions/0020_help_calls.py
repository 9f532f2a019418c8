"""Calls of gates for help."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.TIMESTAMP(timezone=True)
    op.create_table(
        "help_calls",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("gate", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("called_at", moment, nullable=False),
        sa.Column("called_by", sa.Text, nullable=False),
        sa.Column("answered_at", moment),
        sa.Column("answered_by", sa.Text),
    )
    op.create_index("help_calls_newest", "help_calls", ["called_at"])
