"""Departments and officers who receive nobody any more: not offered, and their past stays readable."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("departments", "officers"):
        op.add_column(table, sa.Column("closed", sa.Boolean, nullable=False, server_default=sa.text("false")))
