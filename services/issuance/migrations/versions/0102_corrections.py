"""Which correction of an application its pass has."""

import sqlalchemy as sa
from alembic import op

revision = "0102"
down_revision = "0101"


def upgrade() -> None:
    op.add_column("applications", sa.Column("corrected", sa.BigInteger, nullable=False, server_default="0"))
