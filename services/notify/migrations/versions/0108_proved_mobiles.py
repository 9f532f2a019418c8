"""Keep whether a code has proved the mobile of an application, which nobody then calls wrong alone."""

import sqlalchemy as sa
from alembic import op

revision = "0108"
down_revision = "0107"


def upgrade() -> None:
    op.add_column(
        "applications", sa.Column("mobile_proved", sa.Boolean, nullable=False, server_default="false")
    )
