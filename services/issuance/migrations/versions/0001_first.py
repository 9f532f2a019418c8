"""The first tables of issuance.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from services.chassis.db.tables import create_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

INSTANT = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "applications",
        sa.Column("application_id", sa.Uuid, primary_key=True),
        sa.Column("approved_revision", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("withdrawn_revision", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("cancelled", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("erased", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("public_x", sa.Text, nullable=False),
        sa.Column("private_sealed", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("retired_at", INSTANT),
        sa.CheckConstraint("state in ('current', 'retired')", name="signing_keys_state"),
    )
    op.create_index(
        "signing_keys_one_current",
        "signing_keys",
        ["state"],
        unique=True,
        postgresql_where=sa.text("state = 'current'"),
    )
    op.create_table(
        "passes",
        sa.Column("number", sa.Text, primary_key=True),
        sa.Column("application_id", sa.Uuid, sa.ForeignKey("applications.application_id"), nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("visit", JSONB, nullable=False),
        sa.Column("valid_from", INSTANT, nullable=False),
        sa.Column("valid_to", INSTANT, nullable=False),
        sa.Column("personal", JSONB),
        sa.Column("link_code", sa.Text, unique=True),
        sa.Column("idc", sa.Text),
        sa.Column("replaces", sa.Text, sa.ForeignKey("passes.number"), unique=True),
        sa.Column("revocation", sa.Text),
        sa.Column("revoked_at", INSTANT),
        sa.Column("kid", sa.Text, sa.ForeignKey("signing_keys.kid"), nullable=False),
        sa.Column("issued_at", INSTANT, nullable=False),
    )
    op.create_index(
        "passes_one_live",
        "passes",
        ["application_id"],
        unique=True,
        postgresql_where=sa.text("revoked_at is null"),
    )
    op.create_index("passes_application", "passes", ["application_id"])
    op.create_index("passes_key", "passes", ["kid", "valid_to"])
    op.create_index(
        "passes_revoked", "passes", ["valid_to"], postgresql_where=sa.text("revoked_at is not null")
    )
    op.create_table(
        "status_list",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("signed_at", INSTANT, nullable=False),
        sa.Column("jws", sa.Text, nullable=False),
        sa.CheckConstraint("id = 1", name="status_list_one_row"),
    )
    create_v1(op.get_bind())
