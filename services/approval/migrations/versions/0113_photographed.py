"""Whether the reception has photographed a visitor, without which there is no standing pass."""

import sqlalchemy as sa
from alembic import op

revision = "0113"
down_revision = "0112"


def upgrade() -> None:
    op.add_column("reviews", sa.Column("photographed", sa.Boolean))
