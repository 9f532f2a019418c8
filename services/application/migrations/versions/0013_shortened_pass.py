"""Which event described a pass last: a day of it may be closed after it was issued."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("passes", sa.Column("issued_seq", sa.BigInteger, nullable=False, server_default="0"))
