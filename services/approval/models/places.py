"""The table of those who wait for a place: approved by an officer, for a window that is full."""

from datetime import date, datetime, time
from secrets import token_urlsafe
from uuid import UUID

from sqlalchemy import ColumnElement, ForeignKey, Index, and_, text
from sqlalchemy.orm import Mapped, mapped_column

from contracts.model import SHORT_LINK, PlaceOutcome, Slot
from services.approval.domain.visits import Terms
from services.approval.models.base import Base
from services.approval.models.reviews import ReviewRow


def new_code() -> str:
    """Return the code of a link: as many random bits as the short link to a pass has, which strangers try."""
    return token_urlsafe(16)[:SHORT_LINK]


class WaitRow(Base):
    """The wait of a review for a place, on the terms that an officer approved; one for each review.

    While a place is offered its booking is kept beside it, so that everybody who counts places counts it.
    """

    __tablename__ = "place_waits"
    review_id: Mapped[UUID] = mapped_column(ForeignKey("reviews.id", ondelete="CASCADE"), primary_key=True)
    code: Mapped[str] = mapped_column(unique=True, default=new_code)
    """Nobody guesses it: the link in the message has it, and whoever has the link may answer the offer."""
    department: Mapped[str]
    day: Mapped[date]
    start: Mapped[time]
    end: Mapped[time]
    party: Mapped[int]
    gate: Mapped[str | None]
    entries: Mapped[int]
    vehicle_allowed: Mapped[bool]
    revision: Mapped[int]
    approved_by: Mapped[str]
    on_behalf_of: Mapped[str | None]
    position: Mapped[int]
    """In the list of its day. It is given under the lock of the day, so no clock decides about the order."""
    since: Mapped[datetime]
    offered_at: Mapped[datetime | None]
    offered_until: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    outcome: Mapped[PlaceOutcome | None]

    __table_args__ = (
        Index(
            "place_waits_of_day", "department", "day", "position", postgresql_where=text("ended_at is null")
        ),
    )

    @property
    def slot(self) -> Slot:
        """The time of the visit."""
        return Slot(day=self.day, start=self.start, end=self.end)

    @property
    def terms(self) -> Terms:
        """What the officer approved."""
        return Terms(self.slot, self.gate, self.entries, self.vehicle_allowed)


def waits() -> ColumnElement[bool]:
    """Return the condition, beside the join of both tables, for who waits or has an offer.

    Whatever else was decided about the review, or changed in it, ends the wait by itself.
    """
    return and_(
        WaitRow.ended_at.is_(None),
        WaitRow.review_id == ReviewRow.id,
        WaitRow.department == ReviewRow.department,
        WaitRow.revision == ReviewRow.revision,
        ReviewRow.status == "pending",
    )
