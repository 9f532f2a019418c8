"""The last exit of a visit, heard before its entry too; and how often links have answered a visit."""

import sqlalchemy as sa
from alembic import op

revision = "0112"
down_revision = "0111"


def upgrade() -> None:
    op.add_column("reviews", sa.Column("last_left_at", sa.TIMESTAMP(timezone=True)))
    op.add_column("visits", sa.Column("link_answers", sa.Integer))
