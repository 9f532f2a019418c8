"""Senders are told after the commit, by whoever stored a message (``chassis/db/wakeups.py``)."""

from alembic import op

revision = "0102"
down_revision = "0101"


def upgrade() -> None:
    op.execute("drop trigger message_added on messages")
    op.execute("drop function wake_sender")
