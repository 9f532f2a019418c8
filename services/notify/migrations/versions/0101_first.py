"""Messages, whom they are for, how vendors are used, and the chassis' tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from services.chassis.db import tables

revision = "0101"
down_revision = None

instant = sa.TIMESTAMP(timezone=True)
WAKE_SENDER = """
create function wake_sender() returns trigger language plpgsql as $$
begin
  if exists (select from added where lane = 'otp' and state = 'queued') then
    perform pg_notify('messages', 'otp');
  end if;
  return null;
end $$;
create trigger message_added after insert on messages
  referencing new table as added for each statement execute function wake_sender();
"""
"""The sender polls the other lanes."""


def upgrade() -> None:
    tables.create(op.get_bind())
    _messages()
    _recipients()
    _providers()
    op.execute(WAKE_SENDER)


def _messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("step", sa.Integer, nullable=False, server_default="0"),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text),
        sa.Column("application_id", sa.Uuid),
        sa.Column("pass_number", sa.Text),
        sa.Column("resend_of", sa.Uuid),
        sa.Column("personal", sa.Text),
        sa.Column("email_sealed", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("due_at", instant, nullable=False),
        sa.Column("lease", sa.Uuid),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("possible_duplicates", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("provider", sa.Text),
        sa.Column("provider_id", sa.Text),
        sa.Column("tried_at", instant),
        sa.Column("next_at", instant),
        sa.Column("undelivered_at", instant),
        sa.Column("is_replaced", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("correlation_id", sa.Text, nullable=False),
        sa.Column("traceparent", sa.Text),
        sa.Column("created_at", instant, nullable=False),
        sa.Column("queued_at", instant, nullable=False, server_default=sa.text("now()")),
        sa.Column("expires_at", instant),
        sa.Column("ended_at", instant),
        sa.Index("messages_age", "created_at"),
        sa.Index("messages_application_id", "application_id"),
        sa.Index("messages_due", "lane", "due_at", postgresql_where=sa.text("state = 'queued'")),
        sa.Index(
            "messages_due_by_channel",
            "channel",
            "lane",
            "due_at",
            postgresql_where=sa.text("state = 'queued'"),
        ),
        sa.Index("messages_event_id_purpose_channel", "event_id", "purpose", "channel", unique=True),
        sa.Index("messages_next", "next_at", postgresql_where=sa.text("next_at is not null")),
        sa.Index(
            "messages_of_no_application", "ended_at", postgresql_where=sa.text("application_id is null")
        ),
        sa.Index("messages_pass_number", "pass_number"),
        sa.Index("messages_provider_id", "provider_id", postgresql_where=sa.text("provider_id is not null")),
        sa.Index(
            "messages_recipient", "recipient", "tried_at", postgresql_where=sa.text("tried_at is not null")
        ),
        sa.Index(
            "messages_undelivered", "undelivered_at", postgresql_where=sa.text("undelivered_at is not null")
        ),
    )
    op.create_table(
        "delivery_reports",
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("provider_id", sa.Text, primary_key=True),
        sa.Column("status", sa.Text, primary_key=True),
        sa.Column("message_id", sa.Uuid),
        sa.Column("at", instant, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("use_next", sa.Boolean, nullable=False),
        sa.Column("received_at", instant, nullable=False),
        sa.Column("applied_at", instant),
        sa.Index("delivery_reports_age", "received_at"),
        sa.Index("delivery_reports_message_id", "message_id", postgresql_where=sa.text("applied_at is null")),
        sa.Index("delivery_reports_new", "received_at", postgresql_where=sa.text("applied_at is null")),
    )
    op.create_table(
        "status_polls",
        sa.Column("message_id", sa.Uuid, primary_key=True),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("provider_id", sa.Text, nullable=False),
        sa.Column("is_urgent", sa.Boolean, nullable=False),
        sa.Column("asked", sa.Integer, nullable=False, server_default="0"),
        sa.Column("ask_at", instant, nullable=False),
        sa.Column("stored_at", instant, nullable=False),
        sa.Index("status_polls_age", "stored_at"),
        sa.Index("status_polls_due", "provider", "ask_at"),
    )
    op.create_table(
        "media",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("expires_at", instant, nullable=False),
        sa.Index("media_expires_at", "expires_at"),
    )
    op.create_table(
        "local_phone",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("message_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("at", instant, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("link", sa.Text),
        sa.Index("local_phone_at", "at"),
        sa.Index("local_phone_recipient", "recipient", "id"),
    )


def _recipients() -> None:
    op.create_table(
        "applications",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("mobile_seq", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("mobile_sealed", sa.Text),
        sa.Column("erased_at", instant),
        sa.Index("applications_reference", "reference"),
    )
    op.create_table(
        "passes",
        sa.Column("number", sa.Text, primary_key=True),
        sa.Column("site", sa.Text),
        sa.Column("application_id", sa.Uuid),
        sa.Column("revoked_at", instant),
        sa.Column("printed_at", instant),
        sa.Column("told_undelivered", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Index("passes_told_undelivered", "number", postgresql_where=sa.text("told_undelivered")),
    )
    op.create_table(
        "opt_outs",
        sa.Column("recipient", sa.Text, primary_key=True),
        sa.Column("about", sa.Text, primary_key=True),
        sa.Column("at", instant, nullable=False),
        sa.Column("is_over", sa.Boolean, nullable=False, server_default="false"),
    )
    op.create_table(
        "departments",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("name", JSONB, nullable=False),
    )
    op.create_table(
        "sites",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("gate_names", JSONB, nullable=False),
        sa.Column("name", JSONB, nullable=False, server_default="{}"),
    )


def _providers() -> None:
    op.create_table(
        "providers",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("second", instant, nullable=False),
        sa.Column("used", sa.Integer, nullable=False),
    )
    op.create_table(
        "provider_hours",
        sa.Column("provider", sa.Text, primary_key=True),
        sa.Column("hour", instant, primary_key=True),
        sa.Column("used", sa.Integer, nullable=False),
    )
