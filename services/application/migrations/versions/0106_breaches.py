"""Breaches of personal data: what people were told, and who of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0106"
down_revision = "0105"

instant = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "breaches",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("texts", JSONB, nullable=False),
        sa.Column("told_at", instant, nullable=False),
    )
    op.create_table(
        "breach_notices",
        sa.Column("breach", sa.Text, primary_key=True),
        sa.Column("reference", sa.Text, primary_key=True),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("told_at", instant, nullable=False),
    )
