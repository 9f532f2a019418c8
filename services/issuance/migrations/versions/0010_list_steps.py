"""What has changed from each list of revoked passes to the next, so that gates fetch only that."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("steps", "deltas"):
        op.add_column("status_list", sa.Column(name, postgresql.JSONB, nullable=False, server_default="[]"))
