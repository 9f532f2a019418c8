"""The month in which each number of an event was last used, and an index by which old messages are found."""

from alembic import op

from services.chassis.db import migrate, tables

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tables.add_month_of_use(op.get_bind())
    migrate.create_index("event_sequences_used_in", "event_sequences (used_in)")
    migrate.create_index("messages_age", "messages (created_at)")
