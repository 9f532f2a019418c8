"""The directory, heard applications, reviews with their decisions, and the chassis' tables."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from services.chassis.db.tables import create_v1

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

instant = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    _directory()
    _reviews()
    create_v1(op.get_bind())


def _directory() -> None:
    op.create_table(
        "sites",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("name", JSONB, nullable=False),
        sa.Column("address", JSONB, nullable=False),
    )
    op.create_table(
        "gates",
        sa.Column("site_code", sa.Text, sa.ForeignKey("sites.code"), primary_key=True),
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
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
    )
    op.create_table(
        "departments",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("name", JSONB, nullable=False),
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
    )


def _reviews() -> None:
    op.create_table(
        "heard_applications",
        sa.Column("application_id", sa.Uuid, primary_key=True),
        sa.Column("details_seq", sa.BigInteger, nullable=False, server_default="0"),
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
        sa.Column("forwarded_from", sa.Text),
        sa.Column("submitted_at", instant, nullable=False),
        sa.Column("waiting_since", instant, nullable=False),
        sa.Column("escalated", sa.Integer, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("name_latin", sa.Text, nullable=False),
        sa.Column("details", JSONB, nullable=False),
        sa.Column("personal", JSONB, nullable=False),
    )
    op.create_index("ix_reviews_reference", "reviews", ["reference"])
    op.create_index("reviews_queue", "reviews", ["department", "status", "waiting_since", "id"])
    op.create_index("reviews_age", "reviews", ["waiting_since", "id"])
    op.create_index(
        "reviews_pending",
        "reviews",
        ["site", "waiting_since"],
        postgresql_where=sa.text("status = 'pending'"),
    )
    op.create_table(
        "decisions",
        sa.Column("review_id", sa.Uuid, sa.ForeignKey("reviews.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("department", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("decided_at", instant, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("slot", JSONB),
        sa.Column("gate", sa.Text),
        sa.Column("entries", sa.Integer, nullable=False),
        sa.Column("vehicle_allowed", sa.Boolean, nullable=False),
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
