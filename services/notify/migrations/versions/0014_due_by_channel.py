"""An index by which a vendor with few messages finds none without reading those of the others."""

from services.chassis.db.migrate import create_index

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("messages_due_by_channel", "messages (channel, lane, due_at) where state = 'queued'")
