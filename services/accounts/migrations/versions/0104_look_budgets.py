"""Of how many people a login may see data in an hour, by role, as the ADO Branch has decided."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0104"
down_revision = "0103"


def upgrade() -> None:
    op.create_table(
        "look_budgets",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("roles", postgresql.JSONB, nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("changed_at", sa.TIMESTAMP(timezone=True), nullable=False),
    )
