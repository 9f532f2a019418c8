"""Why a request was closed without an answer."""

import sqlalchemy as sa
from alembic import op

revision = "0107"
down_revision = "0106"


def upgrade() -> None:
    op.add_column("requests", sa.Column("closed_as", sa.Text))
