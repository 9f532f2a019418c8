"""The queue in the order of the visits, what was decided on a day, and who applied before."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FILL = """
update reviews set
  channel = details ->> 'channel',
  visit_at = nearest.at,
  precedence = case
    when details ->> 'channel' in ('counter', 'kiosk')
      and (nearest.at at time zone interval '+05:30')::date
        = (submitted_at at time zone interval '+05:30')::date
    then 0 else 1 end
from (
  select id, min(((slot ->> 'date') || ' ' || (slot ->> 'from') || '+05:30')::timestamptz) as at
  from reviews, jsonb_array_elements(details -> 'preferred') as slot
  group by id
) as nearest
where nearest.id = reviews.id
"""


def upgrade() -> None:
    op.add_column("reviews", sa.Column("channel", sa.Text, nullable=False, server_default="portal"))
    op.add_column("reviews", sa.Column("precedence", sa.Integer, nullable=False, server_default="1"))
    op.add_column(
        "reviews",
        sa.Column(
            "visit_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default="1970-01-01T00:00:00Z"
        ),
    )
    op.execute(FILL)
    op.create_index("reviews_visits", "reviews", ["department", "status", "precedence", "visit_at", "id"])
    op.create_index(
        "reviews_of_mobile",
        "reviews",
        [sa.text("((personal -> 'applicant'::text) ->> 'mobile'::text)"), "department"],
    )
    op.create_index("reviews_of_name", "reviews", ["name_latin", "department"])
    op.create_index("decisions_of_day", "decisions", ["department", "decided_at"])
