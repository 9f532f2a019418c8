"""The index by which the short link of an SMS finds its pass."""

from services.chassis.db.migrate import create_index

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("passes_short_link", "passes (left(link_code, 10))")
