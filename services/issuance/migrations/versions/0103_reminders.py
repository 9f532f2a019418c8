"""When the visitor of a pass is reminded next; passes of visits to come are looked at."""

from alembic import op

from services.chassis.db.migrate import create_index

revision = "0103"
down_revision = "0102"


def upgrade() -> None:
    op.execute("alter table passes add column remind_at timestamptz")
    op.execute("alter table passes alter column remind_at set default 'epoch'")
    op.execute("update passes set remind_at = 'epoch' where revoked_at is null and ends_at > now()")
    create_index("passes_remind_at", "passes (remind_at) where remind_at is not null")
