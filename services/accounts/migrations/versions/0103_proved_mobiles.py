"""Keep which numbers were proved, and of each request for a code whether its number was."""

import sqlalchemy as sa
from alembic import op

from services.chassis.db.migrate import create_index

revision = "0103"
down_revision = "0102"


def upgrade() -> None:
    op.create_table(
        "proved_mobiles",
        sa.Column("mobile_digest", sa.Text, primary_key=True),
        sa.Column("proved_at", sa.TIMESTAMP(timezone=True), nullable=False),
    )
    op.create_index("proved_mobiles_proved_at", "proved_mobiles", ["proved_at"])
    op.execute(
        "insert into proved_mobiles select mobile_digest, max(used_at) from otp_codes"
        " where used_at is not null group by mobile_digest"
    )
    op.add_column("otp_requests", sa.Column("is_unproved", sa.Boolean))
    op.add_column("otp_requests", sa.Column("challenge", sa.Text))
    untyped = "is_unproved is true and answered is false"
    create_index("otp_requests_untyped", f"otp_requests (requested_at) where {untyped}")
