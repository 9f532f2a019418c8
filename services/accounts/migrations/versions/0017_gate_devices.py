"""Gate devices: who has enrolled them, and what they report."""

import sqlalchemy as sa
from alembic import op

revision = "accounts_0017"
down_revision = "accounts_0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    instant = sa.TIMESTAMP(timezone=True)
    op.create_table(
        "gate_devices",
        sa.Column("login_id", sa.Text, sa.ForeignKey("logins.login_id"), primary_key=True),
        sa.Column("enrolled_by", sa.Text),
        sa.Column("guard_sid", sa.Uuid),
        sa.Column("reported_at", instant),
        sa.Column("version", sa.Text),
        sa.Column("list_at", instant),
        sa.Column("unsent", sa.Integer, nullable=False),
        sa.Column("unsent_since", instant),
    )
