"""Which event changed the number of an applicant last."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("mobile_seq", sa.BigInteger, nullable=False, server_default="0")
    op.add_column("heard_applications", column)
