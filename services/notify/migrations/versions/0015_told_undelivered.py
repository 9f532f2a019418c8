"""Whether gates were told that no message has brought a pass to anybody."""

from alembic import op

from services.chassis.db.migrate import create_index

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table passes add column if not exists told_undelivered boolean not null default false")
    create_index("passes_told_undelivered", "passes (number) where told_undelivered")
