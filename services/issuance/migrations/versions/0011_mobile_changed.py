"""The number that an applicant has changed to, also where their pass does not exist yet."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("applications", sa.Column("mobile_seq", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("applications", sa.Column("mobile", sa.Text))
