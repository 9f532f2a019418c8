"""The directory, reviews and decisions, the watchlist, and the chassis' tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.chassis.db import tables

revision = "0101"
down_revision = None

instant = sa.TIMESTAMP(timezone=True)
CHANGES = {
    "sites": "insert or update or delete or truncate",
    "gates": "insert or update or delete or truncate",
    "site_hours": "insert or update or delete or truncate",
    "closed_days": "insert or update or delete or truncate",
    "departments": "insert or update or delete or truncate",
    "department_sites": "insert or update or delete or truncate",
    "officers": "insert or update or delete or truncate",
    "capacities": "insert or update or delete or truncate",
    "delegations": "insert or update or delete or truncate",
    "closures": "insert or update of department, day, reason, lifted_at or delete or truncate",
    "watchlist_entries": "insert or update of traits, confirmed_at, ended_at or delete or truncate",
}
"""What changes each table whose rows processes keep in memory (see `_versions`)."""
DELETE_REVIEWS = """
create function delete_reviews(old uuid[]) returns void
language plpgsql security definer set search_path from current as $$
declare year_ago timestamptz := now() - interval '1 year';
begin
  if exists (
    select from reviews left join heard_applications using (application_id)
    where id = any(old) and (erased_at is null or submitted_at > year_ago or waiting_since > year_ago)
  )
  or exists (select from decisions where review_id = any(old) and decided_at > year_ago)
  or exists (select from forwardings where review_id = any(old) and forwarded_at > year_ago)
  or exists (select from first_approvals where review_id = any(old) and approved_at > year_ago)
  or exists (
    select from watchlist_matches
    where review_id = any(old) and greatest(found_at, settled_at) > year_ago
  )
  or exists (select from bookings where review_id = any(old) and day > year_ago::date)
  then
    raise exception 'a review with people, or one of the last year, is not deleted';
  end if;
  delete from watchlist_matches where review_id = any(old);
  delete from first_approvals where review_id = any(old);
  delete from bookings where review_id = any(old);
  delete from forwardings where review_id = any(old);
  delete from decisions where review_id = any(old);
  delete from reviews where id = any(old);
end $$
"""
"""The one way in which old reviews are deleted: the role of the service may delete no decision by itself."""


def upgrade() -> None:
    tables.create(op.get_bind())
    _directory()
    _reviews()
    _departments()
    _watchlist()
    _versions()
    op.execute(DELETE_REVIEWS)


def _directory() -> None:
    op.create_table(
        "sites",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("name", JSONB, nullable=False),
        sa.Column("address", JSONB, nullable=False),
        sa.Column("advice", JSONB),
        sa.Column("photograph", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("gate_rules", JSONB),
    )
    op.create_table(
        "gates",
        sa.Column("site_code", sa.Text, sa.ForeignKey("sites.code"), primary_key=True),
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("name", JSONB),
    )
    op.create_table(
        "site_hours",
        sa.Column("site_code", sa.Text, sa.ForeignKey("sites.code"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("weekday", sa.Integer, nullable=False),
        sa.Column("opens", sa.Time, nullable=False),
        sa.Column("closes", sa.Time, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_to", sa.Date),
    )
    op.create_table(
        "closed_days",
        sa.Column("site_code", sa.Text, sa.ForeignKey("sites.code"), primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("reason_translations", JSONB, nullable=False, server_default="{}"),
    )
    op.create_table(
        "departments",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("name", JSONB, nullable=False),
        sa.Column("escalation", JSONB),
        sa.Column("closed", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )
    op.create_table(
        "department_sites",
        sa.Column("department_code", sa.Text, sa.ForeignKey("departments.code"), primary_key=True),
        sa.Column("site_code", sa.Text, sa.ForeignKey("sites.code"), primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
    )
    op.create_table(
        "officers",
        sa.Column("department_code", sa.Text, sa.ForeignKey("departments.code"), primary_key=True),
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("name", JSONB, nullable=False),
        sa.Column("designation", JSONB, nullable=False),
        sa.Column("room", sa.Text, nullable=False),
        sa.Column("closed", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )
    op.create_table(
        "directory_history",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("changed_at", instant, nullable=False),
        sa.Column("before", JSONB),
        sa.Column("after", JSONB),
        sa.Index("directory_history_record", "record", "id"),
    )
    op.create_table(
        "directory_announcements",
        sa.Column("edition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("announced_at", instant, nullable=False),
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


def _reviews() -> None:
    op.create_table(
        "heard_applications",
        sa.Column("application_id", sa.Uuid, primary_key=True),
        sa.Column("details_seq", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("mobile_seq", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("cancelled_at", instant),
        sa.Column("expired_at", instant),
        sa.Column("erased_at", instant),
    )
    op.create_table(
        "reviews",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("application_id", sa.Uuid, nullable=False, unique=True),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("department", sa.Text, nullable=False),
        sa.Column("officer", sa.Text),
        sa.Column("instead_of", sa.Text),
        sa.Column("forwarded_from", sa.Text),
        sa.Column("submitted_at", instant, nullable=False),
        sa.Column("waiting_since", instant, nullable=False),
        sa.Column("escalated", sa.Integer, nullable=False),
        sa.Column("escalate_at", instant, server_default=sa.text("'epoch'")),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_latin", sa.Text, nullable=False),
        sa.Column("name_keys", ARRAY(sa.Text)),
        sa.Column("channel", sa.Text, nullable=False, server_default="portal"),
        sa.Column("precedence", sa.Integer, nullable=False, server_default="1"),
        sa.Column("visit_at", instant, nullable=False, server_default="1970-01-01T00:00:00Z"),
        sa.Column("details", JSONB, nullable=False),
        sa.Column("personal", JSONB, nullable=False),
        sa.Column("later_details", JSONB),
        sa.Column("entered_on", sa.Date),
        sa.Column("gate_told", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("traceparent", sa.Text),
        sa.Index("ix_reviews_reference", "reference"),
        sa.Index("reviews_age", "waiting_since", "id"),
        sa.Index(
            "reviews_of_mobile", sa.text("((personal -> 'applicant'::text) ->> 'mobile'::text)"), "department"
        ),
        sa.Index("reviews_of_name", "name_latin", "department"),
        sa.Index("reviews_pending", "site", "waiting_since", postgresql_where=sa.text("status = 'pending'")),
        sa.Index("reviews_queue", "department", "status", "waiting_since", "id"),
        sa.Index("reviews_to_escalate", "escalate_at", postgresql_where=sa.text("status = 'pending'")),
        sa.Index("reviews_visits", "department", "status", "precedence", "visit_at", "id"),
        sa.Index("reviews_without_keys", "id", postgresql_where=sa.text("name_keys is null")),
    )
    op.create_table(
        "closures",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("department", sa.Text, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("closed_by", sa.Text, nullable=False),
        sa.Column("closed_by_role", sa.Text, nullable=False, server_default="department"),
        sa.Column("closed_at", instant, nullable=False),
        sa.Column("lifted_by", sa.Text),
        sa.Column("lifted_at", instant),
        sa.Column("look_at", instant, nullable=False, server_default=sa.text("'epoch'")),
        sa.Index("closures_age", "closed_at", "id"),
        sa.Index(
            "closures_in_force",
            "department",
            "day",
            unique=True,
            postgresql_where=sa.text("lifted_at is null"),
        ),
    )
    op.create_table(
        "decisions",
        sa.Column("review_id", sa.Uuid, sa.ForeignKey("reviews.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("department", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("on_behalf_of", sa.Text),
        sa.Column("decided_at", instant, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("slot", JSONB),
        sa.Column("gate", sa.Text),
        sa.Column("entries", sa.Integer, nullable=False),
        sa.Column("vehicle_allowed", sa.Boolean, nullable=False),
        sa.Column("waited_from", instant),
        sa.Column("before_visit", sa.Boolean),
        sa.Column("further_days", ARRAY(sa.Date), nullable=False, server_default="{}"),
        sa.Column("days_reason", sa.Text, nullable=False, server_default=""),
        sa.Column("closure_id", sa.Uuid, sa.ForeignKey("closures.id")),
        sa.Column("closed_day", sa.Date),
        sa.Column("reopened_at", instant),
        sa.Index("decisions_of_closure", "closure_id", postgresql_where=sa.text("closure_id is not null")),
        sa.Index("decisions_of_day", "department", "decided_at"),
    )
    op.create_table(
        "first_approvals",
        sa.Column("review_id", sa.Uuid, sa.ForeignKey("reviews.id"), primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("approved_by", sa.Text, nullable=False),
        sa.Column("approved_at", instant, nullable=False),
        sa.Column("slot", JSONB, nullable=False),
        sa.Column("gate", sa.Text),
        sa.Column("entries", sa.Integer, nullable=False),
        sa.Column("vehicle_allowed", sa.Boolean, nullable=False),
        sa.Column("further_days", ARRAY(sa.Date), nullable=False, server_default="{}"),
        sa.Column("days_reason", sa.Text, nullable=False, server_default=""),
    )
    op.create_table(
        "forwardings",
        sa.Column("review_id", sa.Uuid, sa.ForeignKey("reviews.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("from_department", sa.Text, nullable=False),
        sa.Column("to_department", sa.Text, nullable=False),
        sa.Column("to_officer", sa.Text),
        sa.Column("forwarded_by", sa.Text, nullable=False),
        sa.Column("forwarded_at", instant, nullable=False),
    )
    op.create_table(
        "bookings",
        sa.Column("review_id", sa.Uuid, sa.ForeignKey("reviews.id"), primary_key=True),
        sa.Column("day", sa.Date, primary_key=True),
        sa.Column("department", sa.Text, nullable=False),
        sa.Column("start", sa.Time, nullable=False),
        sa.Column("end", sa.Time, nullable=False),
        sa.Column("party", sa.Integer, nullable=False),
        sa.Index("bookings_of_day", "department", "day"),
    )


def _departments() -> None:
    op.create_table(
        "capacities",
        sa.Column("department", sa.Text, primary_key=True),
        sa.Column("content", JSONB),
        sa.Column("set_by", sa.Text, nullable=False),
        sa.Column("set_at", instant, nullable=False),
    )
    op.create_table(
        "delegations",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("department", sa.Text, nullable=False),
        sa.Column("officer", sa.Text, nullable=False),
        sa.Column("login", sa.Text, nullable=False),
        sa.Column("stand_in", sa.Text),
        sa.Column("starts", instant, nullable=False),
        sa.Column("ends", instant, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_at", instant, nullable=False),
        sa.Column("ended_by", sa.Text),
        sa.Column("ended_at", instant),
        sa.Index("delegations_of_department", "department", "made_at", "id"),
    )
    op.create_table(
        "duty_contacts",
        sa.Column("place", sa.Text, primary_key=True),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("set_by", sa.Text, nullable=False),
        sa.Column("set_at", instant, nullable=False),
    )
    op.create_table(
        "month_numbers",
        sa.Column("department", sa.Text, primary_key=True),
        sa.Column("month", sa.Date, primary_key=True),
        sa.Column("applications", sa.Integer, nullable=False),
        sa.Column("decisions", sa.Integer, nullable=False),
        sa.Column("before_visit", sa.Integer, nullable=False),
        sa.Column("median_seconds", sa.Integer),
        sa.Column("p95_seconds", sa.Integer),
        sa.Column("counted_at", instant, nullable=False),
    )


def _watchlist() -> None:
    op.create_table(
        "watchlist_entries",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("sealed", sa.Text),
        sa.Column("traits", ARRAY(sa.Text), nullable=False),
        sa.Column("valid_until", sa.Date, nullable=False),
        sa.Column("proposed_by", sa.Text, nullable=False),
        sa.Column("proposed_at", instant, nullable=False),
        sa.Column("confirmed_by", sa.Text),
        sa.Column("confirmed_at", instant),
        sa.Column("ended_by", sa.Text),
        sa.Column("ended_at", instant),
        sa.CheckConstraint("confirmed_by <> proposed_by", name="watchlist_four_eyes"),
        sa.Index("watchlist_age", "proposed_at", "id"),
        sa.Index(
            "watchlist_traits",
            "traits",
            postgresql_using="gin",
            postgresql_where=sa.text("confirmed_at is not null and ended_at is null"),
        ),
    )
    op.create_table(
        "watchlist_matches",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("entry_id", sa.Uuid, sa.ForeignKey("watchlist_entries.id"), nullable=False),
        sa.Column("review_id", sa.Uuid, sa.ForeignKey("reviews.id"), nullable=False),
        sa.Column("person", sa.Integer, nullable=False),
        sa.Column("person_digest", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("found_at", instant, nullable=False),
        sa.Column("settled_as", sa.Text),
        sa.Column("settled_by", sa.Text),
        sa.Column("settled_at", instant),
        sa.Column("sealed_note", sa.Text),
        sa.UniqueConstraint("review_id", "entry_id", "person", name="watchlist_match_once"),
        sa.Index("watchlist_matches_age", "found_at", "id"),
        sa.Index("watchlist_matches_of_entry", "entry_id"),
    )


def _versions() -> None:
    """Version what rarely changes, so that each process keeps it in memory and knows when it is old.

    Each statement that changes one of these tables replaces the tokens that no other transaction holds by a
    new random one. Nobody waits for anybody, and the tokens that a transaction sees never were the same with
    other rows: the token of the last change is among them until a later change has replaced it.
    """
    op.create_table(
        "reference_versions",
        sa.Column("token", sa.Uuid, primary_key=True, server_default=sa.text("gen_random_uuid()")),
    )
    op.execute("""
        create function change_reference_version() returns trigger language plpgsql as $$
        begin
          delete from reference_versions
          where token in (select token from reference_versions for update skip locked);
          insert into reference_versions default values;
          return null;
        end $$
    """)
    op.execute("insert into reference_versions default values")  # what is there has a version, too
    for table, changes in CHANGES.items():
        op.execute(f"""
            create trigger reference_version after {changes} on {table}
            for each statement execute function change_reference_version()
        """)
