"""How often each link in a message to an office has answered its visit."""

import sqlalchemy as sa
from alembic import op

revision = "0115"
down_revision = "0114"


def upgrade() -> None:
    op.add_column("visit_announcements", sa.Column("link_answers", sa.Integer))
