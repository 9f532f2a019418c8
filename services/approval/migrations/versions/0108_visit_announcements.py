"""Messages to an office about visitors who have come, with their links, and the escalation of visits."""

import sqlalchemy as sa
from alembic import op

from services.chassis.db.migrate import create_index

revision = "0108"
down_revision = "0107"

instant = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "visit_announcements",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("review_id", sa.Uuid, sa.ForeignKey("reviews.id", ondelete="CASCADE"), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("made_at", instant, nullable=False),
        sa.Column("answer_until", instant, nullable=False),
        sa.Column("link_digest", sa.Text, unique=True),
        sa.Index("visit_announcements_of", "recipient", "made_at"),
        sa.Index("visit_announcements_review", "review_id"),
    )
    op.add_column("visits", sa.Column("escalated", sa.Integer, nullable=False, server_default="0"))
    op.add_column("visits", sa.Column("escalate_at", instant))
    create_index("visits_to_escalate", "visits (escalate_at) where escalate_at is not null")
