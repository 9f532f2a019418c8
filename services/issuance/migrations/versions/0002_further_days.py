"""When entry ends on the last day of a pass for several days."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("passes", sa.Column("ends_at", sa.TIMESTAMP(timezone=True)))
