"""When the job looks for visitors of a closed day again."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    look_at = sa.Column("look_at", sa.TIMESTAMP(timezone=True), nullable=False, server_default="epoch")
    op.add_column("closures", look_at)
