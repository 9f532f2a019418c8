"""Which roles there were when the ADO Branch decided who needs a second factor."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0105"
down_revision = "0104"


def upgrade() -> None:
    op.add_column("factor_rules", sa.Column("offered", postgresql.ARRAY(sa.Text)))
