"""The officer whom the holder of a login assists, and the same for each session."""

import sqlalchemy as sa
from alembic import op

revision = "accounts_0004"
down_revision = "accounts_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("logins", sa.Column("assistant_of", sa.Text))
    op.add_column("sessions", sa.Column("assistant_of", sa.Text))
