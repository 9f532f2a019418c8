"""Find the passes of an application without reading all passes, for the trace of its messages."""

from services.chassis.db.migrate import create_index

revision = "0103"
down_revision = "0102"


def upgrade() -> None:
    create_index("passes_application_id", "passes (application_id)")
