"""Count previews, and tries of unknown numbers at the way out apart.

The version before this one records the tries of both directions as entries, and counts them all.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("number_tries", sa.Column("direction", sa.Text, nullable=False, server_default="entry"))
    op.create_table(
        "previews",
        sa.Column("login", sa.Text, primary_key=True),
        sa.Column("gate", sa.Text, primary_key=True),
        sa.Column("minute", sa.TIMESTAMP(timezone=True), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )
