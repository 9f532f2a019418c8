"""Who is told when nobody decides: the duty contacts of departments and receptions, sealed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import UUID

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "duty_contacts",
        sa.Column("place", sa.Text, primary_key=True),
        sa.Column("id", UUID(as_uuid=True), nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("set_by", sa.Text, nullable=False),
        sa.Column("set_at", sa.TIMESTAMP(timezone=True), nullable=False),
    )
