"""Drop a trigger that told of each code in words that no sender has listened to since 0.21.0."""

from alembic import op

revision = "0104"
down_revision = "0103"


def upgrade() -> None:
    op.execute("drop trigger if exists message_added on messages")
    op.execute("drop function if exists wake_sender()")
