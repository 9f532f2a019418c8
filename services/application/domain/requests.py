"""A complaint, a question or another request of a person: its words, its clock, and its one answer."""

from datetime import datetime, timedelta

from contracts.errors import Conflict, InvalidInput
from contracts.identity import mask_aadhaar
from contracts.model import IST
from services.application.domain.text import paragraph


def words_of(typed: str, field: str) -> tuple[str, bool]:
    """Return what somebody wrote, with every Aadhaar number masked, and whether there was one.

    Raises:
        InvalidInput: ``empty``.
    """
    words, masked = mask_aadhaar(paragraph(typed))
    if not words:
        raise InvalidInput.of(field, "empty")
    return words, masked


def answer_by(sent_at: datetime, days: int) -> datetime:
    """Return until when a request has to be answered: the last minute of that day in India."""
    last_minute = sent_at.astimezone(IST).replace(hour=23, minute=59, second=0, microsecond=0)
    return last_minute + timedelta(days=days)


def require_open(answered_at: datetime | None) -> None:
    """Raise `Conflict` (``already_answered``) if a request has its answer."""
    if answered_at is not None:
        raise Conflict("this request was answered", code="already_answered")
