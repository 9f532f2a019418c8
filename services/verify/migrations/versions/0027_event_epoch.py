"""On which server and timeline the newest event was stored."""

from alembic import op

from services.chassis.db import tables

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tables.create_event_epoch(op.get_bind())
