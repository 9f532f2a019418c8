"""Logins, sessions, signing keys, one-time codes."""

import sqlalchemy as sa
from alembic import op

from services.chassis.db.tables import create_v1

revision = "accounts_0001"
down_revision = None
branch_labels = None
depends_on = None

instant = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "logins",
        sa.Column("login_id", sa.Text, primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("department", sa.Text),
        sa.Column("site", sa.Text),
        sa.Column("gate", sa.Text),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("must_change_password", sa.Boolean, nullable=False),
        sa.Column("issued_by", sa.Text),
        sa.Column("issued_at", instant, nullable=False),
        sa.Column("last_used_at", instant),
        sa.Column("disabled_at", instant),
        sa.Column("disabled_by", sa.Text),
        sa.Column("tokens_void_to", instant),
    )
    op.create_table(
        "login_counters",
        sa.Column("prefix", sa.Text, primary_key=True),
        sa.Column("last", sa.Integer, nullable=False),
    )
    op.create_table(
        "login_failures",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("at", instant, nullable=False),
    )
    op.create_index("login_failures_account", "login_failures", ["account", "at"])
    op.create_index("login_failures_address", "login_failures", ["address", "at"])
    op.create_index("login_failures_at", "login_failures", ["at"])
    op.create_table(
        "sessions",
        sa.Column("sid", sa.Uuid, primary_key=True),
        sa.Column("kid", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("login_id", sa.Text, sa.ForeignKey("logins.login_id")),
        sa.Column("mobile_sealed", sa.Text),
        sa.Column("role", sa.Text),
        sa.Column("department", sa.Text),
        sa.Column("site", sa.Text),
        sa.Column("gate", sa.Text),
        sa.Column("must_change_password", sa.Boolean, nullable=False),
        sa.Column("issued_at", instant, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
        sa.Column("ended_at", instant),
    )
    op.create_index("sessions_login_id", "sessions", ["login_id"])
    op.create_index("sessions_ended_at", "sessions", ["ended_at"])
    op.create_index("sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("public", sa.Text, nullable=False),
        sa.Column("private_sealed", sa.Text, nullable=False),
        sa.Column("created_at", instant, nullable=False),
    )
    op.create_table(
        "otp_codes",
        sa.Column("code_id", sa.Uuid, primary_key=True),
        sa.Column("mobile_digest", sa.Text, nullable=False),
        sa.Column("mobile_sealed", sa.Text, nullable=False),
        sa.Column("code_digest", sa.Text, nullable=False),
        sa.Column("code_sealed", sa.Text),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("used_at", instant),
    )
    op.create_index("otp_codes_mobile", "otp_codes", ["mobile_digest", "created_at"])
    op.create_index("otp_codes_created_at", "otp_codes", ["created_at"])
    op.create_table(
        "otp_requests",
        sa.Column("request_id", sa.Uuid, primary_key=True),
        sa.Column("code_id", sa.Uuid, sa.ForeignKey("otp_codes.code_id"), nullable=False),
        sa.Column("mobile_digest", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("requested_at", instant, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
    )
    op.create_index("otp_requests_mobile", "otp_requests", ["mobile_digest", "requested_at"])
    op.create_index("otp_requests_address", "otp_requests", ["address", "requested_at"])
    op.create_index("otp_requests_requested_at", "otp_requests", ["requested_at"])
    create_v1(op.get_bind())
