"""For which departments a login can decide, as accounts says."""

import sqlalchemy as sa
from alembic import op

revision = "0103"
down_revision = "0102"


def upgrade() -> None:
    op.create_table(
        "deciders",
        sa.Column("department", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("can_decide", sa.Boolean, nullable=False),
    )
    op.execute("""
        create trigger reference_version after insert or update or delete or truncate on deciders
        for each statement execute function change_reference_version()
    """)
