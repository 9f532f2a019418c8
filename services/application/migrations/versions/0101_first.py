"""Applications, their passes and timelines, the copy of the directory, and the chassis' tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.chassis.db import partitions, tables

revision = "0101"
down_revision = None

instant = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    tables.create(op.get_bind())
    _applications()
    _passes()


def _applications() -> None:
    op.create_table(
        "applications",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("reference", sa.Text, nullable=False, unique=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("submitted_at", instant, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("mobile_proved", sa.Boolean, nullable=False),
        sa.Column("submitted_by", sa.Text),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("deliver_by", sa.Text, nullable=False),
        sa.Column("assistance", sa.Text),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("department", sa.Text, nullable=False),
        sa.Column("officer", sa.Text),
        sa.Column("purpose_kind", sa.Text, nullable=False),
        sa.Column("preferred", JSONB, nullable=False),
        sa.Column("preferred_until", instant, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_latin", sa.Text, nullable=False),
        sa.Column("name_keys", ARRAY(sa.Text)),
        sa.Column("mobile", sa.Text),
        sa.Column("email", sa.Text),
        sa.Column("id_type", sa.Text),
        sa.Column("id_last4", sa.Text),
        sa.Column("asks_for_card", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("official", JSONB),
        sa.Column("companions", JSONB, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("vehicle", sa.Text),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("cancelled_at", instant),
        sa.Column("expired_at", instant),
        sa.Column("erased_at", instant),
        sa.Column("decision_seq", sa.BigInteger, nullable=False),
        sa.Column("decision_kind", sa.Text),
        sa.Column("decision_revision", sa.Integer),
        sa.Column("decision_reason", sa.Text),
        sa.Column("decided_day", sa.Date),
        sa.Column("further_days", ARRAY(sa.Date), nullable=False, server_default="{}"),
        sa.Column("closed_day", sa.Date),
        sa.Column("closure_reason", sa.Text),
        sa.Column("answered_at", instant),
        sa.Column("reception_asked_at", instant),
        sa.Column("scan_seq", sa.BigInteger, nullable=False),
        sa.Column("inside", sa.Integer),
        sa.Column("scanned_pass", sa.Text),
        sa.Column("last_matters_at", instant, nullable=False),
        sa.Index("applications_answered", "department", "answered_at", postgresql_include=["submitted_at"]),
        sa.Index("applications_by_age", "submitted_at", "id"),
        sa.Index("applications_by_mobile", "mobile", "submitted_at", "id"),
        sa.Index(
            "applications_invited",
            "submitted_by",
            "submitted_at",
            postgresql_where=sa.text("channel = 'invitation'"),
        ),
        sa.Index(
            "applications_made_there",
            "site",
            "submitted_at",
            "id",
            postgresql_where=sa.text("channel in ('counter', 'kiosk')"),
        ),
        sa.Index("applications_named", "name_keys", postgresql_using="gin"),
        sa.Index(
            "applications_reception_asked",
            "site",
            "preferred_until",
            postgresql_where=sa.text("reception_asked_at is not null and status = 'submitted'"),
        ),
        sa.Index("applications_to_erase", "last_matters_at", postgresql_where=sa.text("erased_at is null")),
        sa.Index(
            "applications_undecided",
            "preferred_until",
            postgresql_where=sa.text("status in ('submitted', 'returned')"),
        ),
        sa.Index("applications_without_keys", "submitted_at", postgresql_where=sa.text("name_keys is null")),
    )
    op.create_table(
        "revisions",
        sa.Column("application_id", sa.Uuid, sa.ForeignKey("applications.id"), primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("made_at", instant, nullable=False),
        sa.Column("masked", ARRAY(sa.Text), nullable=False),
    )
    op.create_table(
        "photographs",
        sa.Column("application_id", sa.Uuid, sa.ForeignKey("applications.id"), primary_key=True),
        sa.Column("sealed", sa.Text, nullable=False),
    )
    op.create_table(
        "openings",
        sa.Column("sid", sa.Uuid, primary_key=True),
        sa.Column("application_id", sa.Uuid, sa.ForeignKey("applications.id"), primary_key=True),
        sa.Column("opened_at", instant, nullable=False),
        sa.Index("openings_age", "opened_at"),
    )
    op.create_table(
        "opening_tries",
        sa.Column("who", sa.Text, primary_key=True),
        sa.Column("since", instant, nullable=False),
        sa.Column("wrong", sa.Integer, nullable=False),
    )


def _passes() -> None:
    op.create_table(
        "passes",
        sa.Column("number", sa.Text, primary_key=True),
        sa.Column("application_id", sa.Uuid, sa.ForeignKey("applications.id"), nullable=False),
        sa.Column("issued", sa.Boolean, nullable=False),
        sa.Column("issued_seq", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("valid_from", instant),
        sa.Column("valid_to", instant),
        sa.Column("further_days", ARRAY(sa.Date), nullable=False, server_default="{}"),
        sa.Column("replaces", sa.Text),
        sa.Column("revoked", sa.Boolean, nullable=False),
        sa.Column("replaced", sa.Boolean, nullable=False),
        sa.Column("day_closed", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Index("ix_passes_application_id", "application_id"),
    )
    op.create_table(
        "timeline",
        sa.Column("event_id", sa.Uuid, primary_key=True),
        sa.Column("application_id", sa.Uuid, nullable=False),
        sa.Column("at", instant, primary_key=True),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("facts", JSONB, nullable=False),
        sa.Index("timeline_by_application", "application_id", "at"),
        postgresql_partition_by="RANGE (at)",
    )
    partitions.add_first_month(op.get_bind(), "timeline")
    op.create_table(
        "directory",
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("record", JSONB, nullable=False),
    )
