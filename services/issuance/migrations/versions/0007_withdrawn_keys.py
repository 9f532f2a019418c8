"""A signing key may be withdrawn."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint("signing_keys_state", "signing_keys")
    op.create_check_constraint(
        "signing_keys_state", "signing_keys", "state in ('current', 'retired', 'withdrawn')"
    )
