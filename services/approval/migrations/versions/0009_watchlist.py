"""The watchlist: its entries, their matches with applications, and the first of two approvals."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

instant = sa.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.add_column("reviews", sa.Column("gate_told", sa.Boolean, nullable=False, server_default=sa.false()))
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
    )
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
    )
    op.create_index(
        "watchlist_traits",
        "watchlist_entries",
        ["traits"],
        postgresql_using="gin",
        postgresql_where=sa.text("confirmed_at is not null and ended_at is null"),
    )
    op.create_index("watchlist_age", "watchlist_entries", ["proposed_at", "id"])
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
    )
    op.create_index("watchlist_matches_of_entry", "watchlist_matches", ["entry_id"])
    op.create_index("watchlist_matches_age", "watchlist_matches", ["found_at", "id"])
