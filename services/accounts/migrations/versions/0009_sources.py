"""The device of a wrong password and of a request for a code, and which requests were answered."""

import sqlalchemy as sa
from alembic import op

revision = "accounts_0009"
down_revision = "accounts_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("login_failures", sa.Column("device", sa.Text))
    op.add_column("otp_requests", sa.Column("device", sa.Text))
    op.add_column(
        "otp_requests", sa.Column("answered", sa.Boolean, nullable=False, server_default=sa.false())
    )
