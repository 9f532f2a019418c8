"""Photographs that a counter took, sealed; they are erased with the visitor's other personal data."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "photographs",
        sa.Column("application_id", sa.Uuid, sa.ForeignKey("applications.id"), primary_key=True),
        sa.Column("sealed", sa.Text, nullable=False),
    )
