"""Up to when devices of a login are forgotten, and since when a kiosk is enrolled."""

import sqlalchemy as sa
from alembic import op

revision = "accounts_0016"
down_revision = "accounts_0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("logins", sa.Column("devices_void_to", sa.TIMESTAMP(timezone=True)))
    op.add_column("logins", sa.Column("enrolled_at", sa.TIMESTAMP(timezone=True)))
