"""When a department first answered an application, so that it can be told how long it takes."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

FROM_THE_TIMELINE = """
    update applications set answered_at = first.at
    from (select application_id, min(at) as at from timeline
          where what in ('approved', 'rejected', 'returned', 'withdrawn') group by application_id) as first
    where applications.id = first.application_id
"""


def upgrade() -> None:
    op.add_column("applications", sa.Column("answered_at", sa.TIMESTAMP(timezone=True)))
    op.execute(FROM_THE_TIMELINE)
    op.create_index(
        "applications_answered",
        "applications",
        ["department", "answered_at"],
        postgresql_include=["submitted_at"],
    )
