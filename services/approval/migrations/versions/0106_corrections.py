"""Corrections of applications, and which of them wait for a department."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from services.chassis.db.migrate import create_index

revision = "0106"
down_revision = "0105"


def upgrade() -> None:
    op.add_column("reviews", sa.Column("correction", JSONB))
    op.add_column("reviews", sa.Column("correction_since", sa.TIMESTAMP(timezone=True)))
    waits = "correction_since is not null"
    create_index("reviews_corrected", f"reviews (department, correction_since) where {waits}")
