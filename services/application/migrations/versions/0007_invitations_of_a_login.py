"""Find the invitations of a login within a day."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "applications_invited",
        "applications",
        ["submitted_by", "submitted_at"],
        postgresql_where=sa.text("channel = 'invitation'"),
    )
