"""When a call for help was given up since nobody answered, and the time of the call in its incident."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.TIMESTAMP(timezone=True)
    op.add_column("help_calls", sa.Column("unanswered_at", moment))
    op.add_column("gate_incidents", sa.Column("called_at", moment))
    # Old calls become no incidents: nobody can do anything about them any more.
    op.execute(
        "update help_calls set unanswered_at = called_at + interval '15 minutes'"
        " where answered_at is null and called_at < now() - interval '15 minutes'"
    )
