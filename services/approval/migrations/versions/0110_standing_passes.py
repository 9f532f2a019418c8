"""Standing passes, which the ADO Branch approves after the department."""

import sqlalchemy as sa
from alembic import op

from services.chassis.db.migrate import create_index

revision = "0110"
down_revision = "0109"


def upgrade() -> None:
    op.add_column("reviews", sa.Column("standing_state", sa.Text))
    op.add_column("reviews", sa.Column("standing_until", sa.Date))
    op.add_column("reviews", sa.Column("standing_changes", sa.Integer))
    create_index("reviews_standing", "reviews (site, standing_until) where standing_until is not null")
