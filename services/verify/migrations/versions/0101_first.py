"""Passes, scans, supervisors and incidents of gates, and the chassis' tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.chassis.db import partitions, tables

revision = "0101"
down_revision = None

instant = sa.TIMESTAMP(timezone=True)
RECORD_NONCE = """
create function record_nonce() returns trigger language plpgsql as $$
begin
  insert into scan_nonces (scanned_by, nonce, recorded_at)
  values (new.scanned_by, new.nonce, new.recorded_at) on conflict do nothing;
  if found then return new; end if;
  return null;
end $$;
create trigger record_nonce before insert on scans for each row execute function record_nonce();
"""
"""A partitioned table has no unique key without its month, so each nonce has a row in a table of its own."""


def upgrade() -> None:
    tables.create(op.get_bind())
    _passes()
    _scans()
    _gates()


def _passes() -> None:
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
        sa.Column("further_days", ARRAY(sa.Integer), nullable=False, server_default="{}"),
        sa.Column("closed_days", ARRAY(sa.Integer), nullable=False, server_default="{}"),
        sa.Column("department", sa.Text),
        sa.Column("officer", sa.Text),
        sa.Column("vehicle_allowed", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("assistance", sa.Text),
        sa.Column("id_commitments", ARRAY(sa.Text), nullable=False, server_default="{}"),
        sa.Column("visitors", JSONB),
        sa.Column("call_supervisor", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("delivery_seq", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("undelivered", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("revoked_seq", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("revoked_reason", sa.Text),
        sa.Column("revoked_at", instant),
        sa.Column("inside", sa.Integer, nullable=False, server_default="0"),
        sa.Column("admitted", sa.Integer, nullable=False, server_default="0"),
        sa.Column("day", sa.Integer, nullable=False, server_default="0"),
        sa.Column("admitted_before", sa.Integer, nullable=False, server_default="0"),
        sa.Column("inside_site", sa.Text),
        sa.Column("inside_since", instant),
        sa.Column("last_gate", sa.Text),
        sa.Column("presumed_gone_at", instant),
        sa.Column("mismatched_at", instant),
        sa.Column("known_since", instant),
        sa.CheckConstraint("inside >= 0", name="passes_inside_not_negative"),
        sa.Index("passes_application", "application_id"),
        sa.Index(
            "passes_inside", "inside_site", "inside_since", "number", postgresql_where=sa.text("inside > 0")
        ),
        sa.Index(
            "passes_not_issued", "known_since", postgresql_where=sa.text("issued_seq = 0 and revoked_seq = 0")
        ),
        sa.Index("passes_of_site", "site", "valid_from", "number"),
        sa.Index("passes_presumed_gone", "presumed_gone_at", postgresql_where=sa.text("inside > 0")),
        sa.Index("passes_revoked", "revoked_at", postgresql_where=sa.text("revoked_seq > 0")),
        sa.Index("passes_watched", "site", postgresql_where=sa.text("call_supervisor")),
    )
    op.create_table(
        "erased_applications",
        sa.Column("application_id", sa.Uuid, primary_key=True),
    )
    op.create_table(
        "gate_advice",
        sa.Column("application_id", sa.Uuid, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("call_supervisor", sa.Boolean, nullable=False),
    )
    op.create_table(
        "status_list",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("complete_at", instant, nullable=False),
    )
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("x", sa.Text, nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )
    op.create_table(
        "key_set",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("signed_at", instant, nullable=False),
    )


def _scans() -> None:
    op.execute("create sequence scan_positions")
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
        sa.Column("marks", ARRAY(sa.Text), nullable=False),
        sa.Column("scanned_at", instant, nullable=False),
        sa.Column("claimed_at", instant),
        sa.Column("recorded_at", instant, primary_key=True),
        sa.Column("scanned_by", sa.Text, nullable=False),
        sa.Column("nonce", sa.Text, nullable=False),
        sa.Column("body_hmac", sa.Text, nullable=False),
        sa.Column("id_kind", sa.Text),
        sa.Column("id_type", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("sent_by", sa.Text),
        sa.Column("supervisor", sa.Text),
        sa.Column("list_age_s", sa.Integer),
        sa.Column(
            "position", sa.BigInteger, nullable=False, server_default=sa.text("nextval('scan_positions')")
        ),
        sa.Column("told", sa.Boolean, nullable=False),
        sa.UniqueConstraint("scanned_by", "nonce", "recorded_at", name="scans_once"),
        sa.Index("scans_of_pass", "pass_number", "recorded_at"),
        sa.Index("scans_position", "position"),
        sa.Index(
            "scans_untold", "pass_number", postgresql_where=sa.text("not told and pass_number is not null")
        ),
        postgresql_partition_by="RANGE (recorded_at)",
    )
    op.execute("alter sequence scan_positions owned by scans.position")
    partitions.add_first_month(op.get_bind(), "scans")
    op.execute(RECORD_NONCE)
    op.create_table(
        "scan_nonces",
        sa.Column("scanned_by", sa.Text, primary_key=True),
        sa.Column("nonce", sa.Text, primary_key=True),
        sa.Column("recorded_at", instant, nullable=False),
        sa.Index("scan_nonces_age", "recorded_at"),
    )
    op.create_table(
        "previews",
        sa.Column("login", sa.Text, primary_key=True),
        sa.Column("gate", sa.Text, primary_key=True),
        sa.Column("minute", instant, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )
    op.create_table(
        "number_tries",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("gate", sa.Text, nullable=False),
        sa.Column("direction", sa.Text, nullable=False, server_default="entry"),
        sa.Column("at", instant, nullable=False),
        sa.Index("number_tries_of_gate", "gate", "at"),
    )


def _gates() -> None:
    op.create_table(
        "sites",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("gates", ARRAY(sa.Text), nullable=False),
        sa.Column("gate_rules", JSONB),
    )
    op.create_table(
        "supervisors",
        sa.Column("login_id", sa.Text, primary_key=True),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("named_by", sa.Text, nullable=False),
        sa.Column("named_at", instant, nullable=False),
        sa.Column("key_id", sa.Uuid),
        sa.Column("key_sealed", sa.Text),
        sa.Column("salt", sa.Text),
        sa.Column("iterations", sa.Integer),
        sa.Column("verifier", sa.Text),
        sa.Column("pin_set_at", instant),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("locked_until", instant),
    )
    op.create_table(
        "supervisor_rules",
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("demanded", sa.Boolean, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("decided_at", instant, nullable=False),
    )
    op.create_table(
        "disabled_logins",
        sa.Column("login_id", sa.Text, primary_key=True),
        sa.Column("heard_at", instant, nullable=False),
    )
    op.create_table(
        "gate_incidents",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("found_at", instant, nullable=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("gate", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("detail", sa.Text),
        sa.Column("pass_number", sa.Text),
        sa.Column("reference", sa.Text),
        sa.Column("scans", JSONB, nullable=False, server_default="[]"),
        sa.Column("exposure", sa.Integer, nullable=False, server_default="0"),
        sa.Column("login", sa.Text),
        sa.Column("supervisor", sa.Text),
        sa.Column("involved", ARRAY(sa.Text), nullable=False, server_default="{}"),
        sa.Column("reason", sa.Text),
        sa.Column("called_at", instant),
        sa.Column("seen_at", instant),
        sa.Column("seen_by", sa.Text),
        sa.Index("gate_incidents_newest", "found_at", "id"),
        sa.Index(
            "gate_incidents_of_pass", "pass_number", postgresql_where=sa.text("pass_number is not null")
        ),
        sa.Index("gate_incidents_unseen", "site", postgresql_where=sa.text("seen_at is null")),
    )
    op.create_table(
        "help_calls",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("gate", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("called_at", instant, nullable=False),
        sa.Column("called_by", sa.Text, nullable=False),
        sa.Column("answered_at", instant),
        sa.Column("answered_by", sa.Text),
        sa.Column("unanswered_at", instant),
        sa.Index("help_calls_newest", "called_at"),
    )
