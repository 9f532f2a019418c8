"""Whether a pass is a standing pass, whose holder is not asked each day whether they were met."""

import sqlalchemy as sa
from alembic import op

revision = "0112"
down_revision = "0111"


def upgrade() -> None:
    op.add_column("passes", sa.Column("recurring", sa.Boolean, nullable=False, server_default=sa.false()))
