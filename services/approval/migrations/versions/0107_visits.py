"""Visits after the gate: who has come, what they were told, how it ended."""

import sqlalchemy as sa
from alembic import op

revision = "0107"
down_revision = "0106"

instant = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "visits",
        sa.Column("review_id", sa.Uuid, sa.ForeignKey("reviews.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("department", sa.Text, nullable=False),
        sa.Column("gate", sa.Text, nullable=False),
        sa.Column("arrived_at", instant, nullable=False),
        sa.Column("entered_at", instant, nullable=False),
        sa.Column("left_at", instant),
        sa.Column("answer", sa.Text),
        sa.Column("answered_at", instant),
        sa.Column("answered_by", sa.Text),
        sa.Column("wait_until", instant),
        sa.Column("room", sa.Text, nullable=False, server_default=""),
        sa.Column("called_at", instant),
        sa.Column("outcome", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("ended_at", instant),
        sa.Column("ended_by", sa.Text),
        sa.Column("visitor_says", sa.Text),
        sa.Column("visitor_said_at", instant),
        sa.Index("visits_of_day", "department", "day"),
        sa.Index("visits_called", "day", "answered_at"),
    )
    for name in ("visits", "met", "called"):
        op.add_column("month_numbers", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    for name in ("median_call_seconds", "p95_call_seconds"):
        op.add_column("month_numbers", sa.Column(name, sa.Integer))
