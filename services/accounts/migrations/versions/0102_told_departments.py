"""What was last published of each department: whether a login can decide for it."""

import sqlalchemy as sa
from alembic import op

revision = "0102"
down_revision = "0101"


def upgrade() -> None:
    op.create_table(
        "told_departments",
        sa.Column("department", sa.Text, primary_key=True),
        sa.Column("can_decide", sa.Boolean, nullable=False),
        sa.Column("told_at", sa.TIMESTAMP(timezone=True), nullable=False),
    )
