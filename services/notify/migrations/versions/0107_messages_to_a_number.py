"""Find whether anything was sent to a number."""

from services.chassis.db.migrate import create_index

revision = "0107"
down_revision = "0106"


def upgrade() -> None:
    create_index("messages_to", "messages (recipient) where recipient is not null")
