"""Which suspension of a standing pass, or which end of one, was heard last."""

import sqlalchemy as sa
from alembic import op

revision = "0104"
down_revision = "0103"


def upgrade() -> None:
    op.add_column("applications", sa.Column("standing_changes", sa.BigInteger))
