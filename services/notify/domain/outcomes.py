"""The outcome of one try to deliver a message, and when to try again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.notify.domain.messages import State


@dataclass(frozen=True)
class Delivered:
    """The channel accepted the message, under the vendor's own ID where it gives one.

    With a ``phone_row``, the message is delivered by the transaction that records this outcome. ``provider``
    is set where the vendor will tell what becomes of the message, and ``is_asked`` where it tells only whom
    asks.
    """

    provider_id: str | None = None
    phone_row: Mapping[str, Any] | None = field(default=None, repr=False)
    provider: str | None = None
    is_asked: bool = False

    @property
    def state(self) -> State:
        """The state: final, unless the vendor will tell more."""
        return "delivered" if self.provider is None else "accepted"


@dataclass(frozen=True)
class Failed:
    """The message will not be delivered on this channel; ``reason`` is one of our own codes.

    ``use_next``: another channel may reach the person.
    """

    reason: str
    use_next: bool = False

    @property
    def state(self) -> State:
        """The final state: ``expired`` if it was too late, else ``failed``."""
        return "expired" if self.reason == "expired" else "failed"


@dataclass(frozen=True)
class Later:
    """The message is tried again at ``at``; that try may be a duplicate if this one may have arrived."""

    at: datetime
    reason: str
    may_have_arrived: bool = False


@dataclass(frozen=True)
class Postponed:
    """The message was leased and not tried, and is not due before ``at``."""

    at: datetime
    reason: str


@dataclass(frozen=True)
class Untried:
    """The message was leased and not tried: the batch took too long, or the process stops."""


Outcome = Delivered | Failed | Later | Postponed | Untried
LONGEST_PAUSE = 300.0
"""The longest pause in seconds that a vendor gets when it asks for one; a longer wish is cut to it."""
TRIED_FOR = timedelta(hours=48)
"""A message that does not expire is tried, or waits for its vendor, for so long after it was stored."""


def end_of(expires_at: datetime | None, stored_at: datetime) -> datetime:
    """Return from when on a message is of no use."""
    return stored_at + TRIED_FOR if expires_at is None else expires_at


def is_late(expires_at: datetime | None, now: datetime) -> bool:
    """Return whether the message has expired."""
    return expires_at is not None and expires_at <= now


def after_temporary_error(
    reason: str,
    attempts: int,
    now: datetime,
    stored_at: datetime,
    expires_at: datetime | None,
    delays: Sequence[float],
    limit: int,
    *,
    uncertain: int = 0,
    may_have_arrived: bool = False,
    retry_after: float | None = None,
) -> Later | Failed:
    """Return when to try again, or that the message has failed.

    An outage costs no message while it is of use. Only tries that may have reached the recipient are limited;
    each of them beyond ``delays`` doubles the wait, so that a few of them outlast an hour.

    Args:
        reason: code of the channel's error.
        attempts: tries so far, this one included.
        now: time of this try.
        stored_at: since when the message has waited.
        expires_at: from when on the message is useless.
        delays: seconds before the second, third … try; the last one repeats.
        limit: tries that may have reached the recipient.
        uncertain: how many such tries there were before this one.
        may_have_arrived: whether this try is one of them.
        retry_after: seconds that the vendor asked to wait at least; ``LONGEST_PAUSE`` at most.
    """
    seconds = delays[min(attempts, len(delays)) - 1]
    if may_have_arrived:
        uncertain += 1
        if uncertain >= limit:
            return Failed(reason, use_next=True)
        seconds *= 2 ** max(uncertain - len(delays), 0)
    seconds = max(seconds, min(retry_after or 0, LONGEST_PAUSE))
    again = now + timedelta(seconds=seconds)
    if expires_at is None and again >= stored_at + TRIED_FOR:
        return Failed(reason, use_next=True)
    if is_late(expires_at, again):
        return Failed("expired", use_next=True)
    return Later(again, reason, may_have_arrived)
