"""When the reception was asked to help with an application that nobody decides."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("applications", sa.Column("reception_asked_at", sa.TIMESTAMP(timezone=True)))
    waiting = sa.text("reception_asked_at is not null and status = 'submitted'")
    op.create_index(
        "applications_reception_asked",
        "applications",
        ["site", "preferred_until"],
        postgresql_where=waiting,
    )
