"""When a visitor who has left is asked whether they were met."""

import sqlalchemy as sa
from alembic import op

from services.chassis.db.migrate import create_index

revision = "0109"
down_revision = "0108"


def upgrade() -> None:
    for name in ("ask_met_at", "asked_met_at"):
        op.add_column("applications", sa.Column(name, sa.TIMESTAMP(timezone=True)))
    create_index("applications_ask_met", "applications (ask_met_at) where ask_met_at is not null")
