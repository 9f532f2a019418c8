"""How long what was decided had waited, whether the visit was still to come, and counts by month."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

FILL = """
update decisions set
  waited_from = case
    when decisions.revision = reviews.revision and reviews.waiting_since <= decisions.decided_at
    then reviews.waiting_since else least(reviews.submitted_at, decisions.decided_at) end,
  before_visit = decided_at < first.at
from reviews
join lateral (
  select min(((wanted ->> 'date') || ' ' || (wanted ->> 'from') || '+05:30')::timestamptz) as at
  from jsonb_array_elements(reviews.details -> 'preferred') as wanted
) as first on true
where reviews.id = decisions.review_id
"""


def upgrade() -> None:
    op.add_column("decisions", sa.Column("waited_from", sa.TIMESTAMP(timezone=True)))
    op.add_column("decisions", sa.Column("before_visit", sa.Boolean))
    op.execute(FILL)
    op.create_table(
        "month_numbers",
        sa.Column("department", sa.Text, primary_key=True),
        sa.Column("month", sa.Date, primary_key=True),
        sa.Column("applications", sa.Integer, nullable=False),
        sa.Column("decisions", sa.Integer, nullable=False),
        sa.Column("before_visit", sa.Integer, nullable=False),
        sa.Column("median_seconds", sa.Integer),
        sa.Column("p95_seconds", sa.Integer),
        sa.Column("counted_at", sa.TIMESTAMP(timezone=True), nullable=False),
    )
