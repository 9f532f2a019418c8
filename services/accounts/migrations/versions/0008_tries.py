"""The wrong tries of each request for a code."""

import sqlalchemy as sa
from alembic import op

revision = "accounts_0008"
down_revision = "accounts_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("otp_requests", sa.Column("tries", sa.Integer, nullable=False, server_default="0"))
