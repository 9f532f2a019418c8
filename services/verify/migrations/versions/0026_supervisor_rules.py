"""Whether gates demand a supervisor, as a decision of its own, and which security logins were disabled.

A site where a supervisor has, or has had, a PIN demands one as before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.TIMESTAMP(timezone=True)
    op.create_table(
        "supervisor_rules",
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("demanded", sa.Boolean, nullable=False),
        sa.Column("decided_by", sa.Text),
        sa.Column("decided_at", moment, nullable=False),
    )
    op.execute(
        "insert into supervisor_rules (site, demanded, decided_at)"
        " select site, true, min(pin_set_at) from supervisors where pin_set_at is not null group by site"
    )
    op.create_table(
        "disabled_logins",
        sa.Column("login_id", sa.Text, primary_key=True),
        sa.Column("heard_at", moment, nullable=False),
    )
