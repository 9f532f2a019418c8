"""How many visitors a department takes, and the places of approved visits."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BOOK_APPROVED = """
insert into bookings (review_id, day, department, start, "end", party)
select review.id, (decision.slot ->> 'date')::date, review.department,
  (decision.slot ->> 'from')::time, (decision.slot ->> 'to')::time, (review.details ->> 'party')::integer
from reviews as review
join lateral (
  select slot from decisions
  where decisions.review_id = review.id and decisions.status = 'approved'
  order by number desc limit 1
) as decision on true
where review.status = 'approved' and (decision.slot ->> 'date')::date >= current_date - 1
"""
"""Visits that were approved before and are still to come take their places too."""


def upgrade() -> None:
    op.create_table(
        "capacities",
        sa.Column("department", sa.Text, primary_key=True),
        sa.Column("content", JSONB),
        sa.Column("set_by", sa.Text, nullable=False),
        sa.Column("set_at", sa.TIMESTAMP(timezone=True), nullable=False),
    )
    op.create_table(
        "bookings",
        sa.Column("review_id", sa.Uuid, sa.ForeignKey("reviews.id"), primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("department", sa.Text, nullable=False),
        sa.Column("start", sa.Time, nullable=False),
        sa.Column("end", sa.Time, nullable=False),
        sa.Column("party", sa.Integer, nullable=False),
    )
    op.create_index("bookings_of_day", "bookings", ["department", "day"])
    op.execute(BOOK_APPROVED)
