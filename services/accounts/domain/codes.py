"""One-time codes: when a code that somebody typed is accepted."""

from dataclasses import dataclass
from datetime import datetime

from contracts.errors import NotAuthenticated

TRIES = 5


@dataclass(frozen=True)
class SentCode:
    """What is known of a code when somebody types it; ``tries`` counts the wrong ones so far."""

    used: bool
    tries: int
    expires_at: datetime


def accept_code(sent: SentCode, *, matches: bool, now: datetime) -> None:
    """Raise an error unless the code is right, in time, and within its tries.

    Raises:
        NotAuthenticated: ``code_used``, ``code_expired``, ``too_many_tries``, or ``wrong_code`` with the fact
            ``tries_left``.
    """
    if sent.used:
        raise NotAuthenticated("this code was used, ask for a new one", code="code_used")
    if now >= sent.expires_at:
        raise NotAuthenticated("this code is too old, ask for a new one", code="code_expired")
    if sent.tries >= TRIES:
        raise NotAuthenticated("this code was tried too often, ask for a new one", code="too_many_tries")
    if not matches:
        raise NotAuthenticated("this is not the code", code="wrong_code", tries_left=TRIES - sent.tries - 1)
