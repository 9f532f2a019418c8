"""The producer's signature of each event in the outbox."""

from alembic import op

from services.chassis.db import tables

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tables.add_signature(op.get_bind())
