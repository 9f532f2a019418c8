"""The rooms of a department's officers, which reminders name."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0105"
down_revision = "0104"


def upgrade() -> None:
    op.add_column("departments", sa.Column("rooms", JSONB, nullable=False, server_default="{}"))
