"""Whether the counter of a site may take a photograph of a visitor."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "sites", sa.Column("photograph", sa.Boolean, nullable=False, server_default=sa.text("false"))
    )
