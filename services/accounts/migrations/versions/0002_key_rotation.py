"""Let signing keys be rotated: one is current, the others are retired. An index finds which ones are in use.

The newest key stays current. The defaults let a process of the previous version, which knows no states, go on
while this one is rolled out.
"""

import sqlalchemy as sa
from alembic import op

revision = "accounts_0002"
down_revision = "accounts_0001"
branch_labels = None
depends_on = None

instant = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.add_column("signing_keys", sa.Column("state", sa.Text, nullable=False, server_default="current"))
    op.add_column("signing_keys", sa.Column("retired_at", instant))
    op.execute(
        "update signing_keys set state = 'retired', retired_at = now() where kid <> "
        "(select kid from signing_keys order by created_at desc, kid limit 1)"
    )
    op.create_check_constraint("signing_keys_state", "signing_keys", "state in ('current', 'retired')")
    op.create_index(
        "signing_keys_one_current",
        "signing_keys",
        ["state"],
        unique=True,
        postgresql_where=sa.text("state = 'current'"),
    )
    op.create_index("sessions_kid", "sessions", ["kid", "expires_at"])
