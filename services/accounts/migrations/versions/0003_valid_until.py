"""Let a login have a last day. Logins from before have none."""

import sqlalchemy as sa
from alembic import op

revision = "accounts_0003"
down_revision = "accounts_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("logins", sa.Column("valid_until", sa.Date))
