"""Chains of channels, what vendors report, limits of vendors, and who wants no messages.

The sender and the consumers of the version before work with this schema: what they do not set has a default.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
INSTANT = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.add_column("messages", sa.Column("step", sa.Integer, nullable=False, server_default="0"))
    op.add_column("messages", sa.Column("provider", sa.Text))
    op.add_column("messages", sa.Column("recipient", sa.Text))
    op.add_column("messages", sa.Column("email_sealed", sa.Text))
    op.add_column("messages", sa.Column("tried_at", INSTANT))
    op.add_column("messages", sa.Column("next_at", INSTANT))
    op.add_column("messages", sa.Column("undelivered_at", INSTANT))
    op.add_column("passes", sa.Column("site", sa.Text))
    op.create_table(
        "delivery_reports",
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("provider_id", sa.Text, primary_key=True),
        sa.Column("status", sa.Text, primary_key=True),
        sa.Column("message_id", sa.Uuid),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("use_next", sa.Boolean, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("applied_at", INSTANT),
    )
    op.create_index(
        "delivery_reports_new",
        "delivery_reports",
        ["received_at"],
        postgresql_where=sa.text("applied_at is null"),
    )
    op.create_index("delivery_reports_age", "delivery_reports", ["received_at"])
    op.create_table(
        "opt_outs",
        sa.Column("recipient", sa.Text, primary_key=True),
        sa.Column("about", sa.Text, primary_key=True),
        sa.Column("at", INSTANT, nullable=False),
    )
    op.create_table(
        "providers",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("second", INSTANT, nullable=False),
        sa.Column("used", sa.Integer, nullable=False),
    )
    op.create_table(
        "provider_hours",
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("hour", INSTANT, primary_key=True),
        sa.Column("used", sa.Integer, nullable=False),
    )
