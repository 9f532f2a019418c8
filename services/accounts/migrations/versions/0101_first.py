"""Logins, sessions, second factors, signing keys and one-time codes, and the chassis' tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from services.chassis.db import tables

revision = "0101"
down_revision = None

instant = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    tables.create(op.get_bind())
    _logins()
    _second_factors()
    _codes()


def _logins() -> None:
    op.create_table(
        "logins",
        sa.Column("login_id", sa.Text, primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("department", sa.Text),
        sa.Column("site", sa.Text),
        sa.Column("gate", sa.Text),
        sa.Column("assistant_of", sa.Text),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("must_change_password", sa.Boolean, nullable=False),
        sa.Column("issued_by", sa.Text),
        sa.Column("issued_at", instant, nullable=False),
        sa.Column("last_used_at", instant),
        sa.Column("disabled_at", instant),
        sa.Column("disabled_by", sa.Text),
        sa.Column("tokens_void_to", instant),
        sa.Column("devices_void_to", instant),
        sa.Column("enrolled_at", instant),
        sa.Column("valid_until", sa.Date),
        sa.Column("mobile_sealed", sa.Text),
        sa.Column("language", sa.Text),
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
        sa.Column("device", sa.Text),
        sa.Column("at", instant, nullable=False),
        sa.Index("login_failures_account", "account", "at"),
        sa.Index("login_failures_address", "address", "at"),
        sa.Index("login_failures_at", "at"),
    )
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
        sa.Column("assistant_of", sa.Text),
        sa.Column("must_change_password", sa.Boolean, nullable=False),
        sa.Column("issued_at", instant, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
        sa.Column("ended_at", instant),
        sa.Column("last_used_at", instant),
        sa.Column("factor_at", instant),
        sa.Index("sessions_ended_at", "ended_at"),
        sa.Index("sessions_expires_at", "expires_at"),
        sa.Index("sessions_kid", "kid", "expires_at"),
        sa.Index("sessions_login_id", "login_id"),
    )
    op.create_table(
        "activity_reports",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("at", instant, nullable=False),
    )
    op.create_table(
        "gate_devices",
        sa.Column("login_id", sa.Text, sa.ForeignKey("logins.login_id"), primary_key=True),
        sa.Column("enrolled_by", sa.Text),
        sa.Column("guard_sid", sa.Uuid),
        sa.Column("reported_at", instant),
        sa.Column("version", sa.Text),
        sa.Column("list_at", instant),
        sa.Column("unsent", sa.Integer, nullable=False),
        sa.Column("unsent_since", instant),
    )
    op.create_table(
        "imports",
        sa.Column("import_id", sa.Uuid, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("text_sealed", sa.Text, nullable=False),
        sa.Column("drafted_by", sa.Text, nullable=False),
        sa.Column("drafted_at", instant, nullable=False),
        sa.Column("applied_at", instant),
        sa.Column("result", sa.Text),
    )


def _second_factors() -> None:
    op.create_table(
        "second_factors",
        sa.Column("login_id", sa.Text, sa.ForeignKey("logins.login_id"), primary_key=True),
        sa.Column("secret_sealed", sa.Text, nullable=False),
        sa.Column("enrolled_at", instant, nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("digest", sa.Text, primary_key=True),
        sa.Column("login_id", sa.Text, sa.ForeignKey("logins.login_id"), nullable=False),
        sa.Column("used_at", instant),
        sa.Index("recovery_codes_login_id", "login_id"),
    )
    op.create_table(
        "sign_ins",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("login_id", sa.Text, sa.ForeignKey("logins.login_id"), nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("made_at", instant, nullable=False),
        sa.Column("ended_at", instant),
        sa.CheckConstraint("purpose in ('code', 'enrol', 'replace')", name="sign_ins_purpose"),
        sa.Index("sign_ins_login_id", "login_id"),
        sa.Index("sign_ins_made_at", "made_at"),
    )
    op.create_table(
        "factor_rules",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("roles", ARRAY(sa.Text), nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("changed_at", instant, nullable=False),
    )


def _codes() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("public_x", sa.Text, nullable=False),
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("private_sealed", sa.Text, nullable=False),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("retired_at", instant),
        sa.CheckConstraint("state in ('current', 'retired', 'withdrawn')", name="signing_keys_state"),
        sa.Index(
            "signing_keys_one_current", "state", unique=True, postgresql_where=sa.text("state = 'current'")
        ),
    )
    op.create_table(
        "otp_codes",
        sa.Column("code_id", sa.Uuid, primary_key=True),
        sa.Column("mobile_digest", sa.Text, nullable=False),
        sa.Column("mobile_sealed", sa.Text, nullable=False),
        sa.Column("code_digest", sa.Text, nullable=False),
        sa.Column("code_sealed", sa.Text),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("used_at", instant),
        sa.Index("otp_codes_created_at", "created_at"),
        sa.Index("otp_codes_mobile", "mobile_digest", "created_at"),
    )
    op.create_table(
        "otp_requests",
        sa.Column("request_id", sa.Uuid, primary_key=True),
        sa.Column("code_id", sa.Uuid, sa.ForeignKey("otp_codes.code_id"), nullable=False),
        sa.Column("mobile_digest", sa.Text, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("requested_at", instant, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("device", sa.Text),
        sa.Column("answered", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Index("otp_requests_address", "address", "requested_at"),
        sa.Index("otp_requests_mobile", "mobile_digest", "requested_at"),
        sa.Index("otp_requests_requested_at", "requested_at"),
    )
