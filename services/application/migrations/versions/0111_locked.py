"""Until when an application is locked that its person asked to be erased, and that has to stay."""

import sqlalchemy as sa
from alembic import op

from services.chassis.db.migrate import create_index

revision = "0111"
down_revision = "0110"


def upgrade() -> None:
    for column in ("locked_at", "locked_until"):
        op.add_column("applications", sa.Column(column, sa.TIMESTAMP(timezone=True)))
    create_index("applications_locked", "applications (locked_until) where locked_until is not null")
