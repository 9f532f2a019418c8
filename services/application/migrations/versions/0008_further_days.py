"""The further days of a visit and of its pass."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("applications", "passes"):
        days = postgresql.ARRAY(sa.Date)
        op.add_column(table, sa.Column("further_days", days, nullable=False, server_default="{}"))
