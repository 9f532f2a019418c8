"""Who waits for a place in a full window, and to whom a place that became free is offered."""

import sqlalchemy as sa
from alembic import op

revision = "0109"
down_revision = "0108"

instant = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "place_waits",
        sa.Column("review_id", sa.Uuid, sa.ForeignKey("reviews.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("code", sa.Text, nullable=False, unique=True),
        sa.Column("department", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("start", sa.Time, nullable=False),
        sa.Column("end", sa.Time, nullable=False),
        sa.Column("party", sa.Integer, nullable=False),
        sa.Column("gate", sa.Text),
        sa.Column("entries", sa.Integer, nullable=False),
        sa.Column("vehicle_allowed", sa.Boolean, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("approved_by", sa.Text, nullable=False),
        sa.Column("on_behalf_of", sa.Text),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("since", instant, nullable=False),
        sa.Column("offered_at", instant),
        sa.Column("offered_until", instant),
        sa.Column("ended_at", instant),
        sa.Column("outcome", sa.Text),
        sa.Index(
            "place_waits_of_day",
            "department",
            "day",
            "position",
            postgresql_where=sa.text("ended_at is null"),
        ),
    )
