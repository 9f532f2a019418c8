"""When each job that erases, expires or drops something ran last, or since when it is refused."""

from alembic import op

from services.chassis.db import tables

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tables.create_destructive_jobs(op.get_bind())
