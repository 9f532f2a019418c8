"""The days of an approval that its department closed afterwards."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    revision_of = sa.Column("shortened_revision", sa.BigInteger, nullable=False, server_default="0")
    op.add_column("applications", revision_of)
    days = postgresql.ARRAY(sa.Date)
    op.add_column("applications", sa.Column("closed_days", days, nullable=False, server_default="{}"))
