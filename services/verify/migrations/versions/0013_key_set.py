"""The signed key set, withdrawn keys, and since when a pass is known that nobody may have issued."""

import sqlalchemy as sa
from alembic import op

from services.chassis.db.migrate import create_index

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.get_context().autocommit_block():  # no scan waits for more than one of these moments
        withdrawn = "withdrawn boolean not null default false"
        op.execute(f"alter table signing_keys add column if not exists {withdrawn}")
        # The default of a new column dates the rows that are there, and none of them is written for it.
        op.execute("alter table passes add column if not exists known_since timestamptz default now()")
        op.execute("alter table passes alter column known_since drop default")
    if not sa.inspect(op.get_bind()).has_table("key_set"):
        op.create_table(
            "key_set",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("signed_at", sa.TIMESTAMP(timezone=True), nullable=False),
        )
    where = "where issued_seq = 0 and revoked_seq = 0"
    create_index("passes_not_issued", f"passes (known_since) {where}")
