"""The further days of a pass, and how many entries count to the day of the last one."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    days = postgresql.ARRAY(sa.Integer)
    op.add_column("passes", sa.Column("further_days", days, nullable=False, server_default="{}"))
    op.add_column("passes", sa.Column("day", sa.Integer, nullable=False, server_default="0"))
    op.add_column("passes", sa.Column("admitted_before", sa.Integer, nullable=False, server_default="0"))
