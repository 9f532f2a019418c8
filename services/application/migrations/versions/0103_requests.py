"""Complaints, questions and other requests of people, with their answers."""

import sqlalchemy as sa
from alembic import op

revision = "0103"
down_revision = "0102"

instant = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("number", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("mobile", sa.Text, nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("sent_at", instant, nullable=False),
        sa.Column("answer_by", instant, nullable=False),
        sa.Column("answered_at", instant),
        sa.Column("answered_by", sa.Text),
        sa.Index("requests_by_mobile", "mobile", "sent_at", "id"),
        sa.Index("requests_by_answer", "answered_at", "sent_at", "id"),
    )
