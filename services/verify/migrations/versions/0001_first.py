"""Passes, scans, keys and tries, and the chassis' tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.chassis.db.tables import create_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

instant = sa.TIMESTAMP(timezone=True)
words = postgresql.ARRAY(sa.Text)


def upgrade() -> None:
    op.create_table(
        "passes",
        sa.Column("number", sa.Text, primary_key=True),
        sa.Column("application_id", sa.Uuid),
        sa.Column("reference", sa.Text),
        sa.Column("issued_seq", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("site", sa.Text),
        sa.Column("gate", sa.Text),
        sa.Column("party", sa.Integer),
        sa.Column("entries", sa.Integer),
        sa.Column("valid_from", instant),
        sa.Column("valid_to", instant),
        sa.Column("department", sa.Text),
        sa.Column("officer", sa.Text),
        sa.Column("vehicle_allowed", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("assistance", sa.Text),
        sa.Column("id_commitments", words, nullable=False, server_default="{}"),
        sa.Column("visitors", postgresql.JSONB),
        sa.Column("revoked_seq", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("revoked_reason", sa.Text),
        sa.Column("inside", sa.Integer, nullable=False, server_default="0"),
        sa.Column("admitted", sa.Integer, nullable=False, server_default="0"),
        sa.Column("inside_site", sa.Text),
        sa.Column("inside_since", instant),
        sa.Column("last_gate", sa.Text),
        sa.Column("presumed_gone_at", instant),
        sa.CheckConstraint("inside >= 0", name="passes_inside_not_negative"),
    )
    inside = sa.text("inside > 0")
    op.create_index(
        "passes_inside", "passes", ["inside_site", "inside_since", "number"], postgresql_where=inside
    )
    op.create_index("passes_presumed_gone", "passes", ["presumed_gone_at"], postgresql_where=inside)
    op.create_index("passes_application", "passes", ["application_id"])
    op.create_table(
        "scans",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("pass_number", sa.Text),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("gate", sa.Text, nullable=False),
        sa.Column("direction", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("inside", sa.Integer, nullable=False),
        sa.Column("marks", words, nullable=False),
        sa.Column("scanned_at", instant, nullable=False),
        sa.Column("claimed_at", instant),
        sa.Column("recorded_at", instant, nullable=False),
        sa.Column("scanned_by", sa.Text, nullable=False),
        sa.Column("nonce", sa.Text, nullable=False),
        sa.Column("body_hmac", sa.Text, nullable=False),
        sa.Column("id_kind", sa.Text),
        sa.Column("id_type", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("told", sa.Boolean, nullable=False),
        sa.UniqueConstraint("scanned_by", "nonce", name="scans_once"),
    )
    op.create_index("scans_of_pass", "scans", ["pass_number", "recorded_at"])
    op.create_index(
        "scans_untold",
        "scans",
        ["pass_number"],
        postgresql_where=sa.text("not told and pass_number is not null"),
    )
    op.create_table(
        "signing_keys", sa.Column("kid", sa.Text, primary_key=True), sa.Column("x", sa.Text, nullable=False)
    )
    op.create_table(
        "number_tries",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("gate", sa.Text, nullable=False),
        sa.Column("at", instant, nullable=False),
    )
    op.create_index("number_tries_of_gate", "number_tries", ["gate", "at"])
    op.create_table("erased_applications", sa.Column("application_id", sa.Uuid, primary_key=True))
    create_v1(op.get_bind())
