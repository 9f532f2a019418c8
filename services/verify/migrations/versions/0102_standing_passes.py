"""Standing passes, which the manifests of a gate find though their first day is long past."""

import sqlalchemy as sa
from alembic import op

from services.chassis.db.migrate import create_index

revision = "0102"
down_revision = "0101"


def upgrade() -> None:
    op.add_column("passes", sa.Column("recurring", sa.Boolean))
    create_index("passes_recurring", "passes (site, valid_from) where recurring")
