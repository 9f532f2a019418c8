"""The reason of a holiday in other languages, beside the one text."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("closed_days", sa.Column("reason_translations", JSONB, nullable=False, server_default="{}"))
