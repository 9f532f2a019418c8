"""What was said by the link of a pass, so that the same again tells nobody."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0105"
down_revision = "0104"


def upgrade() -> None:
    op.add_column("passes", sa.Column("said", ARRAY(sa.Text)))
