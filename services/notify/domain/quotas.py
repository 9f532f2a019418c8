"""The limits that a vendor sets, and what may be sent in the night."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from contracts.model import IST
from services.notify.domain.messages import Purpose

URGENT_SHARE = 10
"""One in so many messages of a second is for one-time codes alone."""


@dataclass(frozen=True)
class Limits:
    """The limits of one vendor; None is no limit."""

    per_second: int | None = None
    per_recipient: float | None = None
    """Seconds between two messages to one person."""
    per_day: int | None = None
    """Messages within 24 hours."""

    def left(self, used: int, most: int, *, urgent: bool) -> int:
        """Return how many more messages may go out in this second, of which ``used`` are gone."""
        if self.per_second is None:
            return most
        limit = self.per_second if urgent else self.per_second - self.per_second // URGENT_SHARE
        return max(min(limit - used, most), 0)

    @property
    def counts(self) -> bool:
        """Whether messages have to be counted."""
        return (self.per_second, self.per_recipient, self.per_day) != (None, None, None)


@dataclass(frozen=True)
class QuietHours:
    """When messages of some purposes wait for the morning, in Indian time."""

    start: time
    end: time
    purposes: Collection[Purpose]

    def end_of(self, purpose: Purpose, now: datetime) -> datetime | None:
        """Return until when a message waits, or None if it may be sent now."""
        if purpose not in self.purposes or self.start == self.end:
            return None
        here = now.astimezone(IST)
        morning = datetime.combine(here.date(), self.end, IST)
        if self.start < self.end:
            is_quiet = self.start <= here.time() < self.end
        else:
            is_quiet = here.time() >= self.start or here.time() < self.end
        if not is_quiet:
            return None
        return morning if here < morning else morning + timedelta(days=1)
