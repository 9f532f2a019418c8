"""Keep when each try of a message failed, and why, so that operations can say why it did not arrive."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0102"
down_revision = "0101"


def upgrade() -> None:
    op.add_column("messages", sa.Column("failed_tries", JSONB, nullable=False, server_default="[]"))
