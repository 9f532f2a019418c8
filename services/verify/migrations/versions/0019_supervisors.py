"""Supervisors of gates with their PINs, and incidents that somebody looks at."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.TIMESTAMP(timezone=True)
    op.create_table(
        "supervisors",
        sa.Column("login_id", sa.Text, primary_key=True),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("named_by", sa.Text, nullable=False),
        sa.Column("named_at", moment, nullable=False),
        sa.Column("key_id", sa.Uuid),
        sa.Column("key_sealed", sa.Text),
        sa.Column("salt", sa.Text),
        sa.Column("iterations", sa.Integer),
        sa.Column("verifier", sa.Text),
        sa.Column("pin_set_at", moment),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("locked_until", moment),
    )
    op.create_table(
        "gate_incidents",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("found_at", moment, nullable=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("gate", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("detail", sa.Text),
        sa.Column("pass_number", sa.Text),
        sa.Column("reference", sa.Text),
        sa.Column("scans", postgresql.JSONB, nullable=False, server_default="[]"),
        sa.Column("exposure", sa.Integer, nullable=False, server_default="0"),
        sa.Column("login", sa.Text),
        sa.Column("supervisor", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("seen_at", moment),
        sa.Column("seen_by", sa.Text),
    )
    op.create_index("gate_incidents_newest", "gate_incidents", ["found_at", "id"])
    op.create_index(
        "gate_incidents_of_pass",
        "gate_incidents",
        ["pass_number"],
        postgresql_where=sa.text("pass_number is not null"),
    )
    op.create_index(
        "gate_incidents_unseen", "gate_incidents", ["site"], postgresql_where=sa.text("seen_at is null")
    )
