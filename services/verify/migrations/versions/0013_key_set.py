"""The signed key set, withdrawn keys, and since when a pass is known that nobody may have issued."""

import sqlalchemy as sa
from alembic import op

from services.chassis.db.migrate import create_index

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table signing_keys add column if not exists withdrawn boolean not null default false")
    op.execute("alter table passes add column if not exists known_since timestamptz")
    op.execute("update passes set known_since = now() where issued_seq = 0 and revoked_seq = 0")
    if not sa.inspect(op.get_bind()).has_table("key_set"):
        op.create_table(
            "key_set",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("signed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        )
    where = "where issued_seq = 0 and revoked_seq = 0"
    create_index("passes_not_issued", f"passes (known_since) {where}")
