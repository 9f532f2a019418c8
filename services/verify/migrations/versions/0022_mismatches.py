"""When an ID was shown last that a pass does not name: after it another card needs a supervisor."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("passes", sa.Column("mismatched_at", sa.TIMESTAMP(timezone=True)))
