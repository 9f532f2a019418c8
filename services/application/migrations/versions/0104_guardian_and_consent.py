"""The parent or guardian of a person under 18; that somebody agreed, and withdrew it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0104"
down_revision = "0103"

instant = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.add_column("applications", sa.Column("guardian", JSONB))
    op.add_column("applications", sa.Column("consented_at", instant))
    op.add_column("applications", sa.Column("consent_withdrawn_at", instant))
