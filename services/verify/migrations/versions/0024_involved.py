"""Who else took part in what an incident is about: they do not note that they have seen it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "gate_incidents",
        sa.Column("involved", postgresql.ARRAY(sa.Text), nullable=False, server_default="{}"),
    )
