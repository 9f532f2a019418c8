"""Find the passes of a site by their day, for the gates that hold them offline."""

from services.chassis.db.migrate import create_index

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("passes_of_site", "passes (site, valid_from, number)")
