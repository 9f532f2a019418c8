"""Keep how people answered a question by a plain reply, and find the questions to a number."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from services.chassis.db.migrate import create_index

revision = "0106"
down_revision = "0105"


def upgrade() -> None:
    op.add_column("messages", sa.Column("replies", JSONB))
    asks = "purpose in ('visit_question', 'place_offered')"
    create_index("messages_questions", f"messages (recipient) where {asks}")
