"""The tables of the watchlist: entries, and their matches with reviews."""

from datetime import date, datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship

from contracts.model import MatchKind, MatchSettlement
from services.approval.domain import watchlist
from services.approval.models.base import Base

ACTIVE = "confirmed_at is not null and ended_at is null"
"""Which entries of the watchlist are active."""


class WatchlistEntryRow(Base):
    """Entry of the watchlist: active from its confirmation by a second officer until it ends.

    ``sealed`` holds name, last four, mobile and reason, encrypted; ``traits`` are keyed digests, by which
    people are found without opening every entry. Both are emptied some time after the end.
    """

    __tablename__ = "watchlist_entries"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    sealed: Mapped[str | None]
    traits: Mapped[list[str]] = mapped_column(ARRAY(Text))
    valid_until: Mapped[date]
    proposed_by: Mapped[str]
    proposed_at: Mapped[datetime]
    confirmed_by: Mapped[str | None]
    confirmed_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    """None where its last day has passed."""
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("confirmed_by <> proposed_by", name="watchlist_four_eyes"),
        Index("watchlist_traits", "traits", postgresql_using="gin", postgresql_where=text(ACTIVE)),
        Index("watchlist_age", "proposed_at", "id"),
    )

    @property
    def stage(self) -> watchlist.Stage:
        """Who did what with it so far."""
        return watchlist.Stage(self.proposed_by, self.confirmed_by, self.ended_at is not None)


class WatchlistMatchRow(Base):
    """Match of a person of an application with an entry, and how an officer settled it."""

    __tablename__ = "watchlist_matches"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    entry_id: Mapped[UUID] = mapped_column(ForeignKey("watchlist_entries.id"))
    review_id: Mapped[UUID] = mapped_column(ForeignKey("reviews.id"))
    person: Mapped[int]
    """0 is the applicant, 1 the first companion."""
    person_digest: Mapped[str]
    """Keyed digest of what was compared of the person; the match ends when somebody else has this place."""
    kind: Mapped[MatchKind]
    found_at: Mapped[datetime]
    settled_as: Mapped[MatchSettlement | None]
    settled_by: Mapped[str | None]
    settled_at: Mapped[datetime | None]
    sealed_note: Mapped[str | None]
    """Why it was settled so, encrypted."""
    entry: Mapped[WatchlistEntryRow] = relationship(lazy="joined", innerjoin=True)

    __table_args__ = (
        UniqueConstraint("review_id", "entry_id", "person", name="watchlist_match_once"),
        Index("watchlist_matches_of_entry", "entry_id"),
        Index("watchlist_matches_age", "found_at", "id"),
    )

    @property
    def counts(self) -> bool:
        """Whether it asks for a second officer: a firm one that nobody dismissed, or a confirmed one."""
        holds = self.settled_as == "confirmed" or (self.kind == "firm" and self.settled_as is None)
        return holds and self.entry.ended_at is None
