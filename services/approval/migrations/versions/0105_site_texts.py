"""The texts of the site that the ADO Branch writes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0105"
down_revision = "0104"


def upgrade() -> None:
    op.create_table(
        "site_texts",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("words", JSONB, nullable=False),
        sa.Column("set_by", sa.Text, nullable=False),
        sa.Column("set_at", sa.TIMESTAMP(timezone=True), nullable=False),
    )
