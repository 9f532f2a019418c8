"""Passes, signing keys, the status list, and the chassis' tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.chassis.db import tables

revision = "0101"
down_revision = None

instant = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    tables.create(op.get_bind())
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("public_x", sa.Text, nullable=False),
        sa.Column("private_sealed", sa.Text, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("retired_at", instant),
        sa.CheckConstraint("state in ('current', 'retired', 'withdrawn')", name="signing_keys_state"),
        sa.Index(
            "signing_keys_one_current", "state", unique=True, postgresql_where=sa.text("state = 'current'")
        ),
    )
    op.create_table(
        "applications",
        sa.Column("application_id", sa.Uuid, primary_key=True),
        sa.Column("approved_revision", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("withdrawn_revision", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("shortened_revision", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("closed_days", ARRAY(sa.Date), nullable=False, server_default="{}"),
        sa.Column("mobile_seq", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("mobile", sa.Text),
        sa.Column("cancelled", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("erased", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )
    op.create_table(
        "passes",
        sa.Column("number", sa.Text, primary_key=True),
        sa.Column("application_id", sa.Uuid, sa.ForeignKey("applications.application_id"), nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("visit", JSONB, nullable=False),
        sa.Column("valid_from", instant, nullable=False),
        sa.Column("valid_to", instant, nullable=False),
        sa.Column("ends_at", instant, nullable=False),
        sa.Column("personal", JSONB),
        sa.Column("link_code", sa.Text, unique=True),
        sa.Column("idc", sa.Text),
        sa.Column("replaces", sa.Text, sa.ForeignKey("passes.number"), unique=True),
        sa.Column("revocation", sa.Text),
        sa.Column("revoked_at", instant),
        sa.Column("kid", sa.Text, sa.ForeignKey("signing_keys.kid"), nullable=False),
        sa.Column("issued_at", instant, nullable=False),
        sa.Index("passes_application", "application_id"),
        sa.Index("passes_key", "kid", "valid_to"),
        sa.Index(
            "passes_one_live", "application_id", unique=True, postgresql_where=sa.text("revoked_at is null")
        ),
        sa.Index("passes_revoked", "valid_to", postgresql_where=sa.text("revoked_at is not null")),
        sa.Index("passes_short_link", sa.text("left(link_code, 10)")),
    )
    op.create_table(
        "status_list",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("signed_at", instant, nullable=False),
        sa.Column("jws", sa.Text, nullable=False),
        sa.Column("steps", JSONB, nullable=False, server_default="[]"),
        sa.Column("deltas", JSONB, nullable=False, server_default="[]"),
        sa.CheckConstraint("id = 1", name="status_list_one_row"),
    )
