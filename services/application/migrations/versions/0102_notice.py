"""Which privacy notice was shown before an application."""

import sqlalchemy as sa
from alembic import op

revision = "0102"
down_revision = "0101"


def upgrade() -> None:
    op.add_column("applications", sa.Column("notice", sa.Text))
