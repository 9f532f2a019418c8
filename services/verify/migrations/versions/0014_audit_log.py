"""The audit log: who looked at and did what, its seals, and their signed heads."""

from alembic import op

from services.chassis.db import tables

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tables.create_audit(op.get_bind())
