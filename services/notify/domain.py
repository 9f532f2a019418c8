"""What a message is, which way it goes, and what is decided after a try. No clock, no database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from contracts.errors import TooManyAttempts
from contracts.mobile import is_indian
from contracts.model import DeliverBy, Language
from contracts.rpc.call import Principal

Purpose = Literal[
    "otp", "login_issued", "application_submitted", "application_cancelled", "application_expired",
    "rejected", "returned", "pass_issued", "pass_revoked", "review_escalated",
]  # fmt: skip
Lane = Literal["otp", "normal"]
State = Literal["queued", "delivered", "failed", "expired", "withdrawn", "not_needed"]
"""``queued`` also while a sender holds it. ``withdrawn``: nobody should get it any more. ``not_needed``: there is nobody to send it to."""

RESENDS = 3
RESEND_WINDOW = timedelta(minutes=10)


@dataclass(frozen=True)
class Personal:
    """What is personal in a message; kept sealed, and forgotten as one."""

    to: str
    """A number in E.164, or an email address."""
    owner: str | None
    """The mobile of the person it is about, who may ask for it again."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    link: str | None = None


@dataclass(frozen=True)
class Draft:
    """A message that ought to be sent: to whom, by which way if it can be, and the words that fill its template."""

    purpose: Purpose
    language: Language
    deliver_by: DeliverBy
    mobile: str | None
    email: str | None
    parameters: Mapping[str, str]
    link: str | None = None
    expires_at: datetime | None = None
    """From when on it is of no use."""

    @property
    def lane(self) -> Lane:
        """A person waits for a one-time code; nothing else is as urgent."""
        return "otp" if self.purpose == "otp" else "normal"

    @property
    def route(self) -> tuple[DeliverBy, str] | None:
        """Channel and address, or None where there is nobody to send it to.

        An Indian SMS route does not reach foreign numbers, so those get WhatsApp.
        """
        if self.deliver_by == "email" and self.email:
            return "email", self.email
        if self.deliver_by == "printed" or not self.mobile:
            return None
        whatsapp = self.deliver_by == "whatsapp" or not is_indian(self.mobile)
        return ("whatsapp" if whatsapp else "sms"), self.mobile

    @property
    def personal(self) -> Personal | None:
        """What of it is personal, where it can be sent."""
        return Personal(self.route[1], self.mobile, self.parameters, self.link) if self.route else None


# ------------------------------------------------------------ after a try


@dataclass(frozen=True)
class Delivered:
    """The channel took it, under an id of the vendor's own."""

    provider_id: str | None = None


@dataclass(frozen=True)
class Failed:
    """It will not arrive, for a reason in a word of ours."""

    reason: str

    @property
    def state(self) -> State:
        """Too late is told apart from impossible."""
        return "expired" if self.reason == "expired" else "failed"


@dataclass(frozen=True)
class Later:
    """Another try is worth it, from this instant on; it is a possible duplicate where this one may have arrived."""

    at: datetime
    reason: str
    may_have_arrived: bool = False


@dataclass(frozen=True)
class Untried:
    """It was leased and not tried: the batch took too long, or the process stops."""


Outcome = Delivered | Failed | Later | Untried


def is_late(expires_at: datetime | None, at: datetime) -> bool:
    """Whether nobody needs the message any more."""
    return expires_at is not None and expires_at <= at


def after_a_temporary_error(
    reason: str,
    attempts: int,
    at: datetime,
    expires_at: datetime | None,
    delays: Sequence[float],
    limit: int,
    *,
    may_have_arrived: bool = False,
) -> Later | Failed:
    """When to try again.

    Args:
        reason: what the channel said, in a word.
        attempts: made so far, this one included.
        at: now.
        expires_at: from when on the message is of no use.
        delays: seconds before the second, third … try; the last one repeats.
        limit: tries in all.
        may_have_arrived: whether nobody knows that it did not.
    """
    if attempts >= limit:
        return Failed(reason)
    again = at + timedelta(seconds=delays[min(attempts, len(delays)) - 1])
    return Failed("expired") if is_late(expires_at, again) else Later(again, reason, may_have_arrived)


# ------------------------------------------------------------- asking again


def owns(principal: Principal, mobiles: Sequence[str | None]) -> bool:
    """Whether an application's messages are this principal's business: reception's, or the applicant's whom one is about."""
    if principal.kind == "staff":
        return principal.role == "reception"
    return principal.kind == "applicant" and principal.mobile is not None and principal.mobile in mobiles


def allow_resend(earlier: Sequence[datetime], at: datetime) -> None:
    """Refuses the fourth resend within ten minutes.

    Raises:
        TooManyAttempts: with ``retry_after`` in seconds.
    """
    recent = sorted(moment for moment in earlier if moment > at - RESEND_WINDOW)
    if len(recent) >= RESENDS:
        wait = recent[-RESENDS] + RESEND_WINDOW - at
        raise TooManyAttempts(
            "this pass was sent again too often", retry_after=max(1, round(wait.total_seconds()))
        )
