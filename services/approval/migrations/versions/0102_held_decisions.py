"""Decisions whose event can still be taken back: the event is held in the row of the review."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0102"
down_revision = "0101"


def upgrade() -> None:
    op.add_column("reviews", sa.Column("held_event", JSONB))
    op.add_column("reviews", sa.Column("leaves_at", sa.TIMESTAMP(timezone=True)))
    op.create_index(
        "reviews_held", "reviews", ["leaves_at"], postgresql_where=sa.text("leaves_at is not null")
    )
