"""Vendors' IDs of messages as digests; who wants messages again; reports by our own ID.

The IDs that are there are deleted: WhatsApp's have the number of the recipient in them.
"""

from alembic import op
from sqlalchemy import text

from services.chassis.db.migrate import create_index

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None
BATCH = text("""
update messages set provider_id = null
where id in (select id from messages where provider_id is not null limit 5000)
""")


def upgrade() -> None:
    with op.get_context().autocommit_block():  # no sender waits for more than one of these moments
        op.execute("alter table opt_outs add column if not exists is_over boolean not null default false")
        op.execute("delete from delivery_reports")
        while op.get_bind().execute(BATCH).rowcount:
            pass
    create_index("delivery_reports_message_id", "delivery_reports (message_id) where applied_at is null")
