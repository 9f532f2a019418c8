"""Messages whose vendor is asked what became of them."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "report_questions",
        sa.Column("message_id", sa.Uuid, primary_key=True),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("provider_id", sa.Text, nullable=False),
        sa.Column("is_urgent", sa.Boolean, nullable=False),
        sa.Column("asked", sa.Integer, nullable=False, server_default="0"),
        sa.Column("ask_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("stored_at", sa.TIMESTAMP(timezone=True), nullable=False),
    )
    op.create_index("report_questions_due", "report_questions", ["provider", "ask_at"])
    op.create_index("report_questions_age", "report_questions", ["stored_at"])
