"""Days that a department closed at short notice, and when visitors last went in."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "closures",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("department", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("closed_by", sa.Text, nullable=False),
        sa.Column("closed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("lifted_by", sa.Text),
        sa.Column("lifted_at", sa.TIMESTAMP(timezone=True)),
    )
    op.create_index(
        "closures_in_force",
        "closures",
        ["department", "day"],
        unique=True,
        postgresql_where=sa.text("lifted_at is null"),
    )
    op.create_index("closures_age", "closures", ["closed_at", "id"])
    op.add_column("reviews", sa.Column("entered_on", sa.Date))
    op.add_column("decisions", sa.Column("closure_id", sa.Uuid, sa.ForeignKey("closures.id")))
    op.add_column("decisions", sa.Column("closed_day", sa.Date))
    op.create_index(
        "decisions_of_closure",
        "decisions",
        ["closure_id"],
        postgresql_where=sa.text("closure_id is not null"),
    )
