"""Who suspended a standing pass: what the ADO Branch has suspended, it alone lifts."""

import sqlalchemy as sa
from alembic import op

revision = "0111"
down_revision = "0110"


def upgrade() -> None:
    op.add_column("reviews", sa.Column("suspended_by", sa.Text))
