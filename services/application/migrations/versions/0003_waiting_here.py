"""Who applied at a counter or a kiosk, by site and time: every open counter asks again every few seconds."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    there = sa.text("channel in ('counter', 'kiosk')")
    op.create_index(
        "applications_made_there", "applications", ["site", "submitted_at", "id"], postgresql_where=there
    )
