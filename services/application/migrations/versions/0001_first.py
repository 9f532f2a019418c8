"""Applications, their revisions, passes and timeline, the copy of the directory, and the chassis' tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from services.chassis.db.tables import create_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_INSTANT = sa.TIMESTAMP(timezone=True)
_JSON = postgresql.JSONB


def upgrade() -> None:
    create_v1(op.get_bind())
    _create_applications()
    _create_what_hangs_on_them()
    op.create_table(
        "directory",
        sa.Column("subject", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("record", _JSON, nullable=False),
    )


def _create_applications() -> None:
    op.create_table(
        "applications",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("reference", sa.Text, nullable=False, unique=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("submitted_at", _INSTANT, nullable=False),
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
        sa.Column("preferred", _JSON, nullable=False),
        sa.Column("preferred_until", _INSTANT, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_latin", sa.Text, nullable=False),
        sa.Column("mobile", sa.Text),
        sa.Column("email", sa.Text),
        sa.Column("id_type", sa.Text),
        sa.Column("id_last4", sa.Text),
        sa.Column("official", _JSON),
        sa.Column("companions", _JSON, nullable=False),
        sa.Column("purpose", sa.Text, nullable=False),
        sa.Column("vehicle", sa.Text),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("cancelled_at", _INSTANT),
        sa.Column("expired_at", _INSTANT),
        sa.Column("erased_at", _INSTANT),
        sa.Column("decision_seq", sa.BigInteger, nullable=False),
        sa.Column("decision_kind", sa.Text),
        sa.Column("decision_revision", sa.Integer),
        sa.Column("decision_reason", sa.Text),
        sa.Column("decided_day", sa.Date),
        sa.Column("scan_seq", sa.BigInteger, nullable=False),
        sa.Column("inside", sa.Integer),
        sa.Column("last_matters_at", _INSTANT, nullable=False),
    )
    undecided = sa.text("status in ('submitted', 'returned')")
    op.create_index("applications_by_mobile", "applications", ["mobile", "submitted_at", "id"])
    op.create_index("applications_by_age", "applications", ["submitted_at", "id"])
    op.create_index("applications_undecided", "applications", ["preferred_until"], postgresql_where=undecided)
    op.create_index(
        "applications_to_erase",
        "applications",
        ["last_matters_at"],
        postgresql_where=sa.text("erased_at is null"),
    )


def _create_what_hangs_on_them() -> None:
    op.create_table(
        "revisions",
        sa.Column("application_id", sa.Uuid, sa.ForeignKey("applications.id"), primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("made_at", _INSTANT, nullable=False),
        sa.Column("masked", postgresql.ARRAY(sa.Text), nullable=False),
    )
    op.create_table(
        "passes",
        sa.Column("number", sa.Text, primary_key=True),
        sa.Column("application_id", sa.Uuid, sa.ForeignKey("applications.id"), nullable=False, index=True),
        sa.Column("issued", sa.Boolean, nullable=False),
        sa.Column("valid_from", _INSTANT),
        sa.Column("valid_to", _INSTANT),
        sa.Column("replaces", sa.Text),
        sa.Column("revoked", sa.Boolean, nullable=False),
        sa.Column("replaced", sa.Boolean, nullable=False),
    )
    op.create_table(
        "timeline",
        sa.Column("event_id", sa.Uuid, primary_key=True),
        sa.Column("application_id", sa.Uuid, sa.ForeignKey("applications.id"), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("facts", _JSON, nullable=False),
    )
    op.create_index("timeline_by_application", "timeline", ["application_id", "at"])
