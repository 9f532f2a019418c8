"""Which session has opened which application, and the wrong tries of each mobile.

The version before this one records no session that sends an application: its applications do not ask for the
card while that session may last.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "applications", sa.Column("asks_for_card", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.create_table(
        "openings",
        sa.Column("sid", sa.Uuid, primary_key=True),
        sa.Column("application_id", sa.Uuid, sa.ForeignKey("applications.id"), primary_key=True),
        sa.Column("opened_at", sa.TIMESTAMP(timezone=True), nullable=False),
    )
    op.create_index("openings_age", "openings", ["opened_at"])
    op.create_table(
        "opening_tries",
        sa.Column("who", sa.Text, primary_key=True),
        sa.Column("since", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("wrong", sa.Integer, nullable=False),
    )
