"""The privacy notice by its versions; requests that officers enter for people without a mobile."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0108"
down_revision = "0107"


def upgrade() -> None:
    op.create_table(
        "notices",
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("texts", JSONB, nullable=False),
        sa.Column("first_shown", sa.TIMESTAMP(timezone=True), nullable=False),
    )
    op.alter_column("requests", "mobile", nullable=True)
    op.add_column("requests", sa.Column("entered_by", sa.Text))
