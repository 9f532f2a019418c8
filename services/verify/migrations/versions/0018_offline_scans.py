"""Record of a scan without a network which supervisor let somebody in, and which other login has sent it."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():  # no scan waits for longer than this moment
        op.execute("alter table scans add column if not exists supervisor text")
        op.execute("alter table scans add column if not exists sent_by text")
