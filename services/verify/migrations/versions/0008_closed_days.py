"""The days of a pass that its department closed after the approval."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    days = postgresql.ARRAY(sa.Integer)
    op.add_column("passes", sa.Column("closed_days", days, nullable=False, server_default="{}"))
