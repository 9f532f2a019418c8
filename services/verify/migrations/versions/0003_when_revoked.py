"""When each pass was revoked, so that revocations up to an instant can be counted.

A row that was revoked before this version has no instant, and counts as revoked long ago.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("passes", sa.Column("revoked_at", sa.TIMESTAMP(timezone=True)))
    op.create_index("passes_revoked", "passes", ["revoked_at"], postgresql_where=sa.text("revoked_seq > 0"))
