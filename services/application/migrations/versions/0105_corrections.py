"""Corrections of applications that were sent."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0105"
down_revision = "0104"


def upgrade() -> None:
    op.add_column("applications", sa.Column("correction", JSONB))
    op.add_column("applications", sa.Column("corrections", sa.Integer, nullable=False, server_default="0"))
    op.add_column(
        "applications", sa.Column("correction_seq", sa.BigInteger, nullable=False, server_default="0")
    )
