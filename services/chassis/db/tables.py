"""The chassis' own tables, which are the same in the database of each service.

The first migration of each service creates them with `create`, as they are today. A later migration that adds
something here has to do it ``if not exists``, since a new database has it already.
"""

from sqlalchemy import (
    TIMESTAMP,
    BigInteger,
    Boolean,
    CheckConstraint,
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
    inspect,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, INT8MULTIRANGE, JSONB

from services.chassis.db import partitions

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
    Index("outbox_waiting_subjects", "subject", "position", postgresql_where=text("sent_at is null")),
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

event_epoch = Table(
    "event_epoch",
    metadata,
    Column("is_only", Boolean, primary_key=True),
    Column("system_identifier", BigInteger, nullable=False),
    Column("database", BigInteger, nullable=False),
    Column("timeline", BigInteger, nullable=False),
    Column("base", BigInteger, nullable=False),
)
"""One row: on which server and timeline of PostgreSQL, in which of its databases (by OID), and above which
number the newest event was stored."""

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


audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Uuid, nullable=False, server_default=text("gen_random_uuid()")),
    Column("position", BigInteger, nullable=False, server_default=text("nextval('audit_log_positions')")),
    Column("at", _instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("objects", ARRAY(Text), nullable=False),
    Column("result", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    PrimaryKeyConstraint("position", "at"),
    Index("audit_log_at", "at", "id"),
    Index("audit_log_actor", "actor", "at", "id"),
    Index("audit_log_objects", "objects", postgresql_using="gin"),
    postgresql_partition_by="RANGE (at)",
)
"""Who looked at and did what (``chassis/audit``). Rows are only ever added; whole months are dropped."""

audit_seals = Table(
    "audit_seals",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("source", Text, nullable=False),
    Column("month", Date, nullable=False),
    Column("positions", INT8MULTIRANGE, nullable=False),
    Column("through", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("digest", Text, nullable=False),
    Column("sealed_at", _instant, nullable=False),
    Column("pruned_before", Date, nullable=False),
    Column("previous", Text, nullable=False),
    Column("head", Text, nullable=False),
)
"""Each chains the rows that it names to the seal before it. Rows are only ever added."""

audit_heads = Table(
    "audit_heads",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("head", Text, nullable=False),
    Column("signed_at", _instant, nullable=False),
    Column("signature", Text, nullable=False),
    Index("audit_heads_signed_at", "signed_at", "id"),
)
"""Heads of the chain that were signed and published, once an hour. Rows are only ever added."""

destructive_jobs = Table(
    "destructive_jobs",
    metadata,
    Column("job", Text, primary_key=True),
    Column("ran_at", _instant),
    Column("refused_at", _instant),
    Column("reason", Text),
    Column("detail", Text),
    Column("allowed_at", _instant),
    Column("allowed_by", Text),
    CheckConstraint("length(job) <= 60 and length(detail) <= 200"),
    CheckConstraint(
        "num_nulls(refused_at, reason, detail) in (0, 3) and reason in ('clock', 'leap', 'share')"
    ),
    CheckConstraint("greatest(ran_at, refused_at, allowed_at) < '9999-01-01'"),
    CheckConstraint("least(ran_at, refused_at, allowed_at) > '1970-01-01'"),
)
"""When each job that destroys something ran last, and since when it is refused, if it is.

What the exporter could not read stays out: a bad row would keep it from seeing all others.
"""


def create(connection: Connection) -> None:
    """Create all of them, with the first month of the audit log.

    The role that runs needs INSERT and SELECT on the three of the audit log, and neither UPDATE nor DELETE.
    """
    connection.execute(text("create sequence audit_log_positions"))
    metadata.create_all(connection, checkfirst=False)
    connection.execute(text("alter sequence audit_log_positions owned by audit_log.position"))
    partitions.add_first_month(connection, audit_log.name)


def guard_seals(connection: Connection) -> None:
    """Let the database refuse a seal that names rows which are not there, or that is not the next one.

    Whoever may add seals could otherwise keep the rows to come from ever being looked for, or take the last
    number that there is. A seal without rows says only that months were dropped, a later one each time. Each
    `epass migrate` makes it anew, so that one that was dropped for a repair comes back. A database
    without an audit log stays as it is.
    """
    if not inspect(connection).has_table(audit_seals.name):
        return
    connection.execute(
        text("""
        create or replace function check_seal() returns trigger
        language plpgsql set search_path from current as $$
        declare
          named numeric;
          found bigint;
          newest record;
          before bigint;
        begin
          if lower_inf(new.positions) or upper_inf(new.positions) then
            raise exception 'a seal names rows without an end';
          end if;
          select coalesce(sum(upper(one) - lower(one)), 0) into named from unnest(new.positions) as one;
          execute format(
            'select count(*) from %I where position >= $1 and position < $2 and $3 @> position', new.source
          ) into found using lower(new.positions), upper(new.positions), new.positions;
          if named <> new.rows or found <> new.rows then
            raise exception 'a seal names % rows and says %, of which % are there', named, new.rows, found;
          end if;
          select number, sealed_at, pruned_before into newest from audit_seals order by number desc limit 1;
          select through into before from audit_seals where source = new.source order by number desc limit 1;
          if new.number <> coalesce(newest.number, 0) + 1
            or new.through <> greatest(before, upper(new.positions) - 1, 0)
            or new.sealed_at > greatest(newest.sealed_at, now() + interval '1 day')
            or isempty(new.positions) and new.pruned_before <= newest.pruned_before
          then
            raise exception 'a seal does not follow the one before it';
          end if;
          return new;
        end $$
        """)
    )
    connection.execute(
        text("""
        create or replace trigger check_seal before insert on audit_seals
        for each row execute function check_seal()
        """)
    )
