"""Which messages went to a number that their applicant has changed since: nothing more comes of them."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("alter table messages add column if not exists is_replaced boolean not null default false")
