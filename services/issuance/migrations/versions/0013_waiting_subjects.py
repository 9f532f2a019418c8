"""The index by which the relay sees whether an earlier event of a subject still waits."""

from services.chassis.db import migrate

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    migrate.create_index("outbox_waiting_subjects", "outbox (subject, position) where sent_at is null")
