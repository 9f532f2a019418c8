"""The further days of an approval, and why one day is not enough."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("decisions", "first_approvals"):
        days = postgresql.ARRAY(sa.Date)
        op.add_column(table, sa.Column("further_days", days, nullable=False, server_default="{}"))
        op.add_column(table, sa.Column("days_reason", sa.Text, nullable=False, server_default=""))
