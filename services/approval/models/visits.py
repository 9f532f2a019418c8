"""The table of visits: what became of an approved visit on each of its days."""

from datetime import date, datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from contracts.model import Announcement, NotMetReason, VisitAnswer, VisitOutcome, VisitState
from services.approval.domain import visit_states
from services.approval.models.base import Base


class VisitRow(Base):
    """A visit on one day, from its first entry on; nothing in it is personal.

    ``department`` is whom the visitor came to. Scans arrive in any order: each instant keeps the earliest or
    the latest that was heard.
    """

    __tablename__ = "visits"
    review_id: Mapped[UUID] = mapped_column(ForeignKey("reviews.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    site: Mapped[str]
    department: Mapped[str]
    gate: Mapped[str]
    arrived_at: Mapped[datetime]
    """The first entry of the day."""
    entered_at: Mapped[datetime]
    """The latest one."""
    left_at: Mapped[datetime | None]
    """The latest exit after which nobody of the party was inside."""
    answer: Mapped[VisitAnswer | None]
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str | None]
    wait_until: Mapped[datetime | None]
    room: Mapped[str] = mapped_column(default="", server_default="")
    called_at: Mapped[datetime | None]
    """When the office first let them come."""
    outcome: Mapped[VisitOutcome | None]
    reason: Mapped[NotMetReason | None]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    visitor_says: Mapped[VisitOutcome | None]
    visitor_said_at: Mapped[datetime | None]
    link_answers: Mapped[int | None]
    """What a release before counted of all links; nothing reads it any more."""
    escalated: Mapped[int] = mapped_column(default=0, server_default="0")
    """How many steps were asked because nobody answers."""
    escalate_at: Mapped[datetime | None]
    """When to ask the next one."""

    __table_args__ = (
        Index("visits_of_day", "department", "day"),
        Index("visits_called", "day", "answered_at"),
        Index("visits_to_escalate", "escalate_at", postgresql_where=text("escalate_at is not null")),
    )

    @property
    def has_left(self) -> bool:
        """Whether nobody of the party is inside."""
        return self.left_at is not None and self.left_at >= self.entered_at

    @property
    def state(self) -> VisitState:
        """Where the visitor is in it."""
        return visit_states.state_of(self.answer, self.outcome, has_left=self.has_left)

    def waits_since(self, now: datetime, *, standing: bool) -> datetime | None:
        """Return since when the visitor waits for an answer of the office; None if they do not.

        Whoever had left waits since they came back. Whoever has a standing pass goes where they work, and
        waits only once the office has asked them to.
        """
        came_back = self.left_at is not None and self.left_at >= self.arrived_at
        since = self.entered_at if came_back else self.arrived_at
        if self.state == "here":
            return None if standing else since
        if self.state == "waits" and self.wait_until is not None and self.wait_until <= now:
            return max(self.wait_until, since)
        return None


class AnnouncementRow(Base):
    """A message to the office about a visitor; by its link the office answers this visit alone."""

    __tablename__ = "visit_announcements"
    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    review_id: Mapped[UUID] = mapped_column(ForeignKey("reviews.id", ondelete="CASCADE"))
    day: Mapped[date]
    recipient: Mapped[str]
    """Whose contact it went to, such as ``departments/home/baldev``."""
    about: Mapped[Announcement]
    made_at: Mapped[datetime]
    answer_until: Mapped[datetime]
    link_digest: Mapped[str | None] = mapped_column(unique=True)
    """None where the message has no such link."""
    link_answers: Mapped[int | None]
    """How often it has answered."""

    __table_args__ = (
        Index("visit_announcements_of", "recipient", "made_at"),
        Index("visit_announcements_review", "review_id"),
    )
