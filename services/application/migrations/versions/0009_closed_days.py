"""The day of a visit that its department closed."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("applications", sa.Column("closed_day", sa.Date))
    op.add_column("applications", sa.Column("closure_reason", sa.Text))
    op.add_column("passes", sa.Column("day_closed", sa.Boolean, nullable=False, server_default=sa.false()))
