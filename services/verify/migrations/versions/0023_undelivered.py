"""Whether no message has brought a pass to anybody."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("passes", sa.Column("delivery_seq", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("passes", sa.Column("undelivered", sa.Boolean, nullable=False, server_default=sa.false()))
