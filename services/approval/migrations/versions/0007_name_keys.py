"""Names by ear: the keys under which the desk finds a name. A scheduled job fills those of older rows."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reviews", sa.Column("name_keys", ARRAY(sa.Text)))
    op.create_index("reviews_without_keys", "reviews", ["id"], postgresql_where=sa.text("name_keys is null"))
