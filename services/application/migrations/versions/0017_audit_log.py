"""The audit log: who looked at and did what, its seals, and their signed heads."""

from alembic import op

from services.chassis.db import tables

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tables.create_audit(op.get_bind())
