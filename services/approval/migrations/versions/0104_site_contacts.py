"""Where visitors of a site ask: telephone, e-mail address and a note."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0104"
down_revision = "0103"


def upgrade() -> None:
    op.add_column("sites", sa.Column("contact", JSONB))
