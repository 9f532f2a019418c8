"""An index on the passes for which the supervisor is called, by which a site without one is found."""

from services.chassis.db.migrate import create_index

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("passes_watched", "passes (site) where call_supervisor")
