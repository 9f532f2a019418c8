"""Names by ear: the keys under which the counter finds a name. A scheduled job fills those of older rows."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("applications", sa.Column("name_keys", ARRAY(sa.Text)))
    op.create_index("applications_named", "applications", ["name_keys"], postgresql_using="gin")
    op.create_index(
        "applications_without_keys",
        "applications",
        ["submitted_at"],
        postgresql_where=sa.text("name_keys is null"),
    )
