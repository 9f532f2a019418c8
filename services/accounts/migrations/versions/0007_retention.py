"""The month in which each number of an event was last used."""

from alembic import op

from services.chassis.db import migrate, tables

revision = "accounts_0007"
down_revision = "accounts_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tables.add_month_of_use(op.get_bind())
    migrate.create_index("event_sequences_used_in", "event_sequences (used_in)")
