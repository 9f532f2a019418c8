"""When the escalation looks at a review again, and the departments' own minutes for its steps."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("departments", sa.Column("escalation", JSONB))
    op.add_column(
        "reviews", sa.Column("escalate_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("'epoch'"))
    )
    # before, a level was a time of waiting; now it is a step towards the visit, and none has been taken
    op.execute("update reviews set escalated = 0 where status = 'pending' and escalated > 0")
    waiting = sa.text("status = 'pending'")
    op.create_index("reviews_to_escalate", "reviews", ["escalate_at"], postgresql_where=waiting)
