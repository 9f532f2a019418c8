"""On which server and timeline the newest event was stored."""

from alembic import op

from services.chassis.db import tables

revision = "accounts_0018"
down_revision = "accounts_0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tables.create_event_epoch(op.get_bind())
