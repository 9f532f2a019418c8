"""When the whole directory was announced again, because another service began to keep more of it."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "directory_announcements",
        sa.Column("edition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("announced_at", sa.TIMESTAMP(timezone=True), nullable=False),
    )
