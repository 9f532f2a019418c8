"""Which event has said last whether there is a photograph of a visitor, since one may be erased."""

import sqlalchemy as sa
from alembic import op

revision = "0114"
down_revision = "0113"


def upgrade() -> None:
    op.add_column("reviews", sa.Column("photographed_seq", sa.BigInteger))
