"""The gates of each site, how far revocations are complete, and the age of that knowledge at each scan."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "sites",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("gates", postgresql.ARRAY(sa.Text), nullable=False),
    )
    op.create_table(
        "status_list",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("complete_at", sa.TIMESTAMP(timezone=True), nullable=False),
    )
    op.add_column("scans", sa.Column("list_age_s", sa.Integer))
