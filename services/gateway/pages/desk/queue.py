"""The queue as a page shows it: its tabs, its filters in the address, and its parts by the day of the visit.

Nothing personal stands in an address: filters, identifiers of reviews, and names of notices.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal, get_args
from urllib.parse import parse_qsl, urlencode

from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from contracts.errors import NotFound
from contracts.model import IST
from contracts.rpc.approval.reviews import QueueCounts, ReviewOrder, ReviewQuestion, ReviewView
from services.gateway.pages.shared.languages import _
from services.gateway.pages.shared.view import NOTICE, View

Tab = Literal[
    "pending", "places", "corrections", "decided", "approved", "rejected", "returned", "withdrawn", "closed"
]  # fmt: skip
"""A status; ``places``: who waits for one; ``corrections``, which are to be confirmed; or ``decided``:
whatever was decided today."""
TABS: tuple[Tab, ...] = get_args(Tab)
PAGE = 50
ANYONE = "anyone"
"""Filter for applications that ask for no particular officer; an applicant chooses the same word."""
ORDERS: dict[str, str] = {
    "visit": _("By visit"),
    "waiting": _("Longest waiting first"),
    "newest": _("Newest first"),
}
CHANNELS: dict[str, str] = {
    "portal": _("Online"),
    "counter": _("Reception counter"),
    "kiosk": _("Kiosk"),
    "invitation": _("Invitation"),
}
WAITING: dict[str, str] = {"4": _("Over 4 hours"), "24": _("Over a day"), "72": _("Over 3 days")}
PARTS: dict[str, str] = {
    "at_counter": _("Waiting at the counter"),
    "today": _("Today"),
    "tomorrow": _("Tomorrow"),
    "later": _("Later"),
}
"""Part of the queue in the order of visits → its heading."""


@dataclass(frozen=True)
class Filters:
    """What is shown of the queue, as it stands in the address; an empty value does not filter."""

    status: Tab = "pending"
    order: str = ""
    site: str = ""
    officer: str = ""
    channel: str = ""
    day: str = ""
    waiting: str = ""
    escalated: str = ""

    def address(self, **changes: str) -> str:
        """Return the queue's address without its language, with some values changed or added."""
        values = {**asdict(self), **changes}
        query = urlencode({name: value for name, value in values.items() if value})
        return f"/desk?{query}"

    @property
    def narrowed(self) -> bool:
        """Return whether any filter is set."""
        return any((self.site, self.officer, self.channel, self.day, self.waiting, self.escalated))

    @property
    def by_visit(self) -> bool:
        """Return whether the queue stands in the order of the visits."""
        return self.status == "pending" and self.order in {"", "visit"}

    def question(self, after: str | None, today: date) -> ReviewQuestion:
        """Return the request for a page of the queue.

        Raises:
            NotFound: a value is none that a filter can have.
        """
        decided = self.status == "decided"
        waits = {"corrections": {"corrected": True}, "places": {"waits_for_place": True}}.get(self.status, {})
        by_visit = self.status in {"pending", "corrections"}
        usual: ReviewOrder = "visit" if by_visit else "waiting" if waits else "newest"
        if self.status in {"decided", "approved", "rejected", "returned", "withdrawn"}:
            usual = "decided"
        given: dict[str, Any] = {
            "status": None if decided or waits else self.status,
            **waits,
            "order": self.order or usual,
            "site": self.site or None,
            "officer": self.officer if self.officer not in {"", ANYONE} else None,
            "unassigned": True if self.officer == ANYONE else None,
            "channel": self.channel or None,
            "visit_on": self.day or None,
            "waiting_hours": self.waiting or None,
            "escalated": True if self.escalated else None,
            "decided_on": today if decided else None,
            "after": after,
            "limit": PAGE,
            "counts": True,
        }
        try:
            return ReviewQuestion.model_validate(given)
        except ValidationError:
            raise NotFound("there is no such queue") from None


def read_filters(text: str) -> Filters:
    """Return the filters of an address that a form sent back; unknown names and tabs are left out."""
    known = {name: value[:100] for name, value in parse_qsl(text[:1000]) if name in asdict(Filters())}
    status = known.pop("status", "pending")
    return Filters(status=next((tab for tab in TABS if tab == status), "pending"), **known)


def back_to_queue(view: View, filters: Filters, notice: str, **more: str) -> RedirectResponse:
    """Redirect to the queue, which shows the notice."""
    return view.to(filters.address(**more, **{NOTICE: notice}))


def part_of(review: ReviewView, today: date) -> str:
    """Return the part of the queue to which a pending review belongs; a key of ``PARTS``."""
    if review.at_counter:
        return "at_counter"
    day = review.visit.day if review.visit else today
    if day <= today:
        return "today"
    return "tomorrow" if day == today + timedelta(days=1) else "later"


def parts(reviews: Iterable[ReviewView], today: date) -> Iterator[tuple[str, list[ReviewView]]]:
    """Yield each part that has reviews, in the order of the queue."""
    found: dict[str, list[ReviewView]] = {}
    for review in reviews:
        found.setdefault(part_of(review, today), []).append(review)
    yield from found.items()


def can_come(review: ReviewView, now: datetime) -> bool:
    """Return whether the nearest preferred slot can be approved: it is not over, its day not closed."""
    visit = review.visit
    if visit is None or visit.day in review.closed:
        return False
    return datetime.combine(visit.day, visit.end, IST) > now


def tab_counts(counts: QueueCounts | None) -> Mapping[str, int]:
    """Return the number for each tab; none where the service did not count."""
    if counts is None:
        return {}
    numbers: dict[str, int] = {status: counts.by_status[status] for status in counts.by_status}
    more = {"corrections": counts.corrections, "places": counts.waiting_for_place}
    return {**numbers, "decided": counts.decided_today, **more}
