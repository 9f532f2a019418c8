"""Messages, what is remembered of applications and passes, the local phone."""

import sqlalchemy as sa
from alembic import op

from services.chassis.db.tables import create_v1

revision = "0001"
down_revision = None

INSTANT = sa.TIMESTAMP(timezone=True)
WAKE_SENDER = """
create function wake_sender() returns trigger language plpgsql as $$
begin
  perform pg_notify('messages', lane) from (select distinct lane from added where state = 'queued') as lanes;
  return null;
end $$;
create trigger message_added after insert on messages
  referencing new table as added for each statement execute function wake_sender();
"""


def upgrade() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("event_id", sa.Uuid, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("lane", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("application_id", sa.Uuid),
        sa.Column("pass_number", sa.Text),
        sa.Column("resend_of", sa.Uuid),
        sa.Column("personal", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("lease", sa.Uuid),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("possible_duplicates", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("provider_id", sa.Text),
        sa.Column("correlation_id", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT),
        sa.Column("ended_at", INSTANT),
        sa.UniqueConstraint("event_id", "purpose", name="messages_event_id_purpose_key"),
    )
    op.create_index(
        "messages_due", "messages", ["lane", "due_at"], postgresql_where=sa.text("state = 'queued'")
    )
    op.create_index("messages_application_id", "messages", ["application_id"])
    op.create_index("messages_pass_number", "messages", ["pass_number"])
    op.create_index(
        "messages_of_no_application",
        "messages",
        ["ended_at"],
        postgresql_where=sa.text("application_id is null"),
    )
    op.create_table(
        "applications",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("erased_at", INSTANT),
    )
    op.create_index("applications_reference", "applications", ["reference"])
    op.create_table(
        "passes",
        sa.Column("number", sa.Text, primary_key=True),
        sa.Column("application_id", sa.Uuid),
        sa.Column("revoked_at", INSTANT),
        sa.Column("printed_at", INSTANT),
    )
    op.create_table(
        "local_phone",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("message_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("link", sa.Text),
    )
    op.create_index("local_phone_recipient", "local_phone", ["recipient", "id"])
    op.create_index("local_phone_at", "local_phone", ["at"])
    create_v1(op.get_bind())
    op.execute(WAKE_SENDER)
