"""When each job that erases, expires or drops something ran last, or since when it is refused."""

from alembic import op

from services.chassis.db import tables

revision = "accounts_0020"
down_revision = "accounts_0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    tables.create_destructive_jobs(op.get_bind())
