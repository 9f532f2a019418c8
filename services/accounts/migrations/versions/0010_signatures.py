"""The producer's signature of each event in the outbox."""

from alembic import op

from services.chassis.db import tables

revision = "accounts_0010"
down_revision = "accounts_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tables.add_signature(op.get_bind())
