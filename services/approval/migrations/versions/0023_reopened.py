"""When applicants were told that the closing of their day was lifted."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("decisions", sa.Column("reopened_at", sa.TIMESTAMP(timezone=True)))
