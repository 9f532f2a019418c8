"""The role in which somebody closed a day: what the ADO Branch closed, no department lifts."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    role = sa.Column("closed_by_role", sa.Text, nullable=False, server_default="department")
    op.add_column("closures", role)
