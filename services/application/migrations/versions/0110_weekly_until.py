"""Until when somebody who comes each week asks for a standing pass."""

import sqlalchemy as sa
from alembic import op

revision = "0110"
down_revision = "0109"


def upgrade() -> None:
    op.add_column("applications", sa.Column("weekly_until", sa.Date))
