"""The relay polls: a commit with an event notifies nobody."""

from alembic import op

from services.chassis.db.tables import drop_relay_trigger

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    drop_relay_trigger(op.get_bind())
