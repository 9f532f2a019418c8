"""Where the holder of a login is told of what happens to it."""

import sqlalchemy as sa
from alembic import op

revision = "accounts_0014"
down_revision = "accounts_0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("logins", sa.Column("mobile_sealed", sa.Text))
    op.add_column("logins", sa.Column("language", sa.Text))
