"""The producer's signature of each event in the outbox."""

from alembic import op

from services.chassis.db import tables

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tables.add_signature(op.get_bind())
