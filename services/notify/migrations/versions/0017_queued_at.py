"""When each step of a chain was queued: until then the code waited for a receipt, and for no vendor."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table messages add column if not exists queued_at timestamptz not null default now()")
