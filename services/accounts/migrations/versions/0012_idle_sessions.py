"""When each session was used last, and when gateways have last told that."""

import sqlalchemy as sa
from alembic import op

revision = "accounts_0012"
down_revision = "accounts_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sessions", sa.Column("last_used_at", sa.TIMESTAMP(timezone=True)))
    op.create_table(
        "activity_reports",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", sa.TIMESTAMP(timezone=True), nullable=False),
    )
