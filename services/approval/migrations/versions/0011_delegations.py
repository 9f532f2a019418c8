"""Delegations, for whom a decision was made, and who is away."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

instant = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "delegations",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("department", sa.Text, nullable=False),
        sa.Column("officer", sa.Text, nullable=False),
        sa.Column("login", sa.Text, nullable=False),
        sa.Column("stand_in", sa.Text),
        sa.Column("starts", instant, nullable=False),
        sa.Column("ends", instant, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_at", instant, nullable=False),
        sa.Column("ended_by", sa.Text),
        sa.Column("ended_at", instant),
    )
    op.create_index("delegations_of_department", "delegations", ["department", "made_at", "id"])
    op.add_column("decisions", sa.Column("on_behalf_of", sa.Text))
    op.add_column("reviews", sa.Column("instead_of", sa.Text))
