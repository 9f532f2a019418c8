"""What the gate should do about an application's passes besides the verdict."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "passes", sa.Column("call_supervisor", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.create_table(
        "gate_advice",
        sa.Column("application_id", sa.Uuid, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("call_supervisor", sa.Boolean, nullable=False),
    )
