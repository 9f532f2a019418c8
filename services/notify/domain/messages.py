"""A message: its purpose, its lane, its recipient, and the channel that reaches them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Literal

from contracts.mobile import channel_to
from contracts.model import DeliverBy, Language

Purpose = Literal[
    "otp", "login_issued", "access_changed", "application_submitted", "application_cancelled",
    "application_expired", "rejected", "returned", "day_closed", "day_dropped", "day_reopened", "pass_issued",
    "pass_revoked", "review_escalated", "mobile_changed", "request_answered", "breach_notice",
    "visitor_called", "visitor_arrived", "visitors_many", "visitor_unanswered", "visit_reminder",
    "visit_question", "place_offered",
]  # fmt: skip
NOT_TO_APPLICANT: Collection[Purpose] = (
    "review_escalated", "mobile_changed", "visitor_arrived", "visitors_many", "visitor_unanswered",
)  # fmt: skip
"""Purposes of messages about an application that go to somebody else, or to a number that is no more theirs.
"""
ALWAYS_TOLD: Collection[Purpose] = (
    "pass_revoked", "day_closed", "day_dropped", "application_cancelled", "mobile_changed", "breach_notice",
)  # fmt: skip
"""What nobody may keep from an applicant by saying that the number is wrong: their way would be in vain, or
somebody has their application, or their data."""
TOLD_IF_PROVED: Collection[Purpose] = ("pass_issued", "returned", "visitor_called", "place_offered")
"""The same where a code has proved the number: the pass, and what the applicant has to answer or follow."""
STOPPABLE: Collection[Purpose] = (
    "application_submitted", "application_expired", "rejected", "returned", "day_reopened",
    "request_answered", "visit_reminder", "visit_question",
)  # fmt: skip
"""What a person may have left out: neither a pass nor its end, and nothing about somebody's login or duty."""
FEWER_THAN: dict[Purpose, int] = {"visit_reminder": 4, "visit_question": 5}
"""How many messages of an application there must be fewer of, or one that nobody needs is left out.

A reminder that came already counts twice for the next one, which goes only where the office can still answer
twice after it (*wait until*, then *come up*) within five. All else is sent whatever went before, also as the
sixth: without it somebody would come or wait in vain, or lose a place (the list is in `docs/messages.md`).
"""
Lane = Literal["otp", "normal", "bulk"]
State = Literal[
    "queued", "accepted", "delivered", "read", "failed", "expired", "withdrawn", "not_needed"
]  # fmt: skip
"""A message that a sender has leased is still ``queued``.

``accepted``: the vendor has it and will tell what becomes of it. ``delivered``: the person has it, or the
vendor has it and tells no more.
``withdrawn``: nobody should receive it any more. ``not_needed``: it has no recipient.
"""

ReportStatus = Literal["sent", "delivered", "read", "failed"]
"""What a vendor tells of a message that it has accepted."""


TOKEN = "pass_token"  # noqa: S105  a name
"""Among the parameters of a pass: the content of its QR code."""
VISITS = "visits"
"""Among the parameters of a pass: the days of the visit as intervals of ISO 8601."""


@dataclass(frozen=True)
class Personal:
    """The personal part of a message; it is sealed, and erased, as a whole."""

    to: str
    """A number in E.164, or an email address; empty for a pass on paper, until there is a number for it."""
    owner: str | None
    """The mobile of the person whom the message is about; they may ask for it again."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Those of its template. A pass has two more: `TOKEN` and `VISITS`."""
    link: str | None = None

    @property
    def token(self) -> str | None:
        """What the QR code of the pass says, where the message has one."""
        return self.parameters.get(TOKEN)

    def is_withheld_from(self, channel: DeliverBy) -> bool:
        """Return whether a pass itself does not go out on a channel: by email, to somebody with a mobile.

        Nobody has proved that the address is theirs, and with the mobile they prove who they are. For whoever
        has none, who typed the address has vouched for it.
        """
        return channel == "email" and self.owner is not None

    def without_pass(self, url: str) -> "Personal":
        """Return what the text has that only says that a pass is there: no number, code, link or hours."""
        kept = ("reference", "site")
        parameters = {name: text for name, text in self.parameters.items() if name in kept}
        return Personal(self.to, self.owner, {**parameters, "url": url})

    @property
    def visits(self) -> tuple[tuple[datetime, datetime], ...]:
        """Beginning and end of the visit on each of its days."""
        spans = (one.split("/") for one in self.parameters.get(VISITS, "").split())
        return tuple((datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in spans)


@dataclass(frozen=True)
class Draft:
    """A message to be stored: its recipient, the preferred channel, and the parameters of its template."""

    purpose: Purpose
    language: Language
    deliver_by: DeliverBy
    mobile: str | None
    email: str | None
    parameters: Mapping[str, str]
    link: str | None = None
    expires_at: datetime | None = None
    """From this instant on the message is useless."""

    @property
    def lane(self) -> Lane:
        """The lane: a person waits for each code; what goes to very many at once lets all else go first."""
        return "otp" if self.purpose == "otp" else "bulk" if self.purpose == "breach_notice" else "normal"

    @property
    def route(self) -> tuple[DeliverBy, str] | None:
        """Channel and address, or None where there is no recipient."""
        if self.deliver_by == "email" and self.email:
            return "email", self.email
        if self.deliver_by == "printed" or not self.mobile:
            return None
        wanted: DeliverBy = "sms" if self.deliver_by == "email" else self.deliver_by
        return channel_to(self.mobile, wanted), self.mobile

    def to_number(self, mobile: str) -> "Draft":
        """Return the message to another number of the same person."""
        return replace(self, mobile=mobile, deliver_by=channel_to(mobile, self.deliver_by))

    @property
    def other_email(self) -> str | None:
        """The email address of a person who is told by another channel first."""
        return self.email if self.route and self.route[0] != "email" else None

    @property
    def personal(self) -> Personal | None:
        """The personal part, or None where there is no recipient.

        That of a pass on paper is kept, so that it can be sent to a number that its visitor gives later.
        """
        if self.route is None and self.purpose != "pass_issued":
            return None
        return Personal(self.route[1] if self.route else "", self.mobile, self.parameters, self.link)


def provider_id_digest(provider_id: str) -> str:
    """Return what is stored of a vendor's ID of a message: that of WhatsApp has the number in it.

    It needs no key, which the sender does not have: an ID also has a random part, and nobody guesses that.
    """
    return sha256(provider_id.encode(errors="surrogatepass")).hexdigest()[:32]
