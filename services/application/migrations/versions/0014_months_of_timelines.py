"""Timelines by month. Without a key to applications, dropping a month does not lock them."""

from alembic import op

from services.chassis.db.partitioning import partition

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table timeline drop constraint if exists timeline_application_id_fkey")
    partition(
        "timeline",
        "at",
        {"timeline_pkey": ("primary key", "event_id, at")},
        {"timeline_by_application": "(application_id, at)"},
    )
