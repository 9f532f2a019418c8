"""Store files that are to be imported, until somebody applies them."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

instant = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "imports",
        sa.Column("import_id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("text_sealed", sa.Text, nullable=False),
        sa.Column("drafted_by", sa.Text, nullable=False),
        sa.Column("drafted_at", instant, nullable=False),
        sa.Column("applied_at", instant),
        sa.Column("result", sa.Text),
    )
