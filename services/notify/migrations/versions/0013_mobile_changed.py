"""The number that an applicant has changed to, to which every message about their application goes."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("applications", sa.Column("mobile_seq", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("applications", sa.Column("mobile_sealed", sa.Text))
