"""The chassis' own tables, which are the same in the database of each service.

The first migration of each service creates them with :func:`create_v1`.
"""

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Column,
    Connection,
    Date,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()
_instant = TIMESTAMP(timezone=True)

outbox = Table(
    "outbox",
    metadata,
    Column("position", BigInteger, Identity(always=True), primary_key=True),
    Column("id", Uuid, nullable=False, unique=True),
    Column("type", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("producer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("occurred_at", _instant, nullable=False),
    Column("expires_at", _instant),
    Column("correlation_id", Text, nullable=False, server_default=""),
    Column("traceparent", Text),
    Column("data", JSONB, nullable=False),
    Column("personal", Text),
    Column("signature", Text),
    Column("added_at", _instant, nullable=False, server_default=func.clock_timestamp()),
    Column("sent_at", _instant),
    Index("outbox_waiting", "position", postgresql_where=text("sent_at is null")),
    Index("outbox_sent", "sent_at", postgresql_where=text("sent_at is not null")),
)

FORGOTTEN = "forgotten"
"""The subject whose number is the highest that was deleted from `event_sequences`."""
event_sequences = Table(
    "event_sequences",
    metadata,
    Column("subject", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("used_in", Date, nullable=False, server_default=text("date_trunc('month', now())")),
    Index("event_sequences_used_in", "used_in"),
)
"""``used_in`` is the first day of the month of the newest event. It rarely changes, so updates stay cheap."""

inbox = Table(
    "inbox",
    metadata,
    Column("consumer", Text),
    Column("event_id", Uuid),
    Column("seen_at", _instant, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("consumer", "event_id"),
    Index("inbox_seen_at", "seen_at"),
)

poison_starts = Table(
    "suspects",  # the name from the first migration
    metadata,
    Column("consumer", Text),
    Column("event_id", Uuid),
    Column("started", Integer, nullable=False),
    Column("last_at", _instant, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("consumer", "event_id"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("principal", Text),
    Column("route", Text),
    Column("key", Text),
    Column("body_hmac", Text, nullable=False),
    Column("ref", Text),
    Column("created_at", _instant, nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("principal", "route", "key"),
    Index("idempotency_keys_created_at", "created_at"),
)


def create_v1(connection: Connection) -> None:
    """Create the tables."""
    metadata.create_all(connection, checkfirst=False)


def drop_relay_trigger(connection: Connection) -> None:
    """Drop the trigger of early databases that notified the relay of each commit."""
    connection.execute(text("drop trigger if exists outbox_added on outbox"))
    connection.execute(text("drop function if exists wake_relay()"))


def add_month_of_use(connection: Connection) -> None:
    """Add ``event_sequences.used_in`` where an older version made the table; all count as used now."""
    connection.execute(
        text("""
        alter table event_sequences
        add column if not exists used_in date not null default date_trunc('month', now())
        """)
    )


def add_signature(connection: Connection) -> None:
    """Add ``outbox.signature`` where an older version made the table."""
    connection.execute(text("alter table outbox add column if not exists signature text"))
