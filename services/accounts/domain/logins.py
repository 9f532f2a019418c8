"""What is decided here, pure: login ids and their scopes, how long a guesser waits, how often a code is sent and tried.

Time and counts come in as arguments. What a good password is stands in ``passwords.py``.
"""

import math
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.errors import InvalidInput, NotAuthenticated, TooManyAttempts
from contracts.model import Role

# ------------------------------------------------------------------ logins

ROLE_PREFIXES: dict[Role, str] = {
    "security": "SEC", "reception": "REC", "assisted": "SEW", "ado": "ADO", "ops": "OPS", "auditor": "AUD", "kiosk": "KIO",
}  # fmt: skip
_NEEDED: dict[Role, str] = {
    "department": "department",
    "security": "site",
    "reception": "site",
    "kiosk": "site",
}
_ALLOWED: dict[Role, tuple[str, ...]] = {
    "department": ("department", "site"),
    "security": ("site", "gate"),
    "reception": ("site", "gate"),
    "kiosk": ("site",),
}


@dataclass(frozen=True)
class Scope:
    """Where a login may act."""

    department: str | None = None
    site: str | None = None
    gate: str | None = None


def check_scope(role: Role, scope: Scope) -> None:
    """Department logins need a department, security and reception ones a site; nobody gets a scope that means nothing to his role.

    Raises:
        InvalidInput: names the field.
    """
    needed = _NEEDED.get(role)
    if needed and getattr(scope, needed) is None:
        raise InvalidInput.of(needed, "needed_for_role")
    for field in ("department", "site", "gate"):
        if getattr(scope, field) is not None and field not in _ALLOWED.get(role, ()):
            raise InvalidInput.of(field, "not_for_role")
    if scope.gate is not None and not scope.gate.startswith(f"{scope.site}-"):
        raise InvalidInput.of("gate", "not_of_site")


def prefix_of(role: Role, department: str | None) -> str:
    """The letters of a login id: the role's, or the first three of the department's code (``home``: ``HOM``).

    A department whose letters are a role's gets ``D`` before its first two, so that ``SEC-0002`` is always a guard.
    """
    if role != "department":
        return ROLE_PREFIXES[role]
    letters = re.sub(r"[^A-Z]", "", (department or "").upper())
    prefix = letters[:3] or "DEP"
    return f"D{letters[:2]}" if prefix in ROLE_PREFIXES.values() else prefix


def login_id_of(prefix: str, number: int) -> str:
    """``HOM-0007``."""
    return f"{prefix}-{number:04d}"


def parse_login_id(login_id: str) -> tuple[str, int]:
    """Prefix and number of a login id.

    Raises:
        ValueError: not of the form ``HOM-0007``.
    """
    match = re.fullmatch(r"([A-Z]{1,3})-(\d{4,9})", login_id)
    if match is None:
        raise ValueError("a login id looks like HOM-0007")
    return match[1], int(match[2])


def as_typed(login_id: str) -> str:
    """A login id as people type it, to the form in which it was issued: case, spaces and signs that no key has forgiven."""
    return re.sub(r"[\s\x00-\x1f\x7f]+", "", login_id).upper()


def last_void_instant(at: datetime) -> datetime:
    """Tokens of a reset login that were issued up to here are void.

    A token tells its time in whole seconds, so this is the end of the second before: else a token of the new password,
    issued in the second of the reset, would be void, too. The old sessions of that second are ended one by one.
    """
    return at.replace(microsecond=0) - timedelta(microseconds=1)


# ----------------------------------------------------------------- guesses

FREE_FAILURES = 5
LONGEST_WAIT = timedelta(minutes=15)
FAILURES_COUNT_FOR = timedelta(hours=24)


def account_wait(failures: int, last: datetime | None, at: datetime) -> int:
    """Seconds until a password of this account may be tried again: 2^n after the n-th failure in a row, from the fifth on.

    Never more than a quarter of an hour, so that nobody can lock another out for ever.
    """
    if last is None or failures < FREE_FAILURES:
        return 0
    wait = min(timedelta(seconds=2 ** min(failures, 16)), LONGEST_WAIT)
    return seconds_until(last + wait, at)


def seconds_until(instant: datetime, at: datetime) -> int:
    """Whole seconds, rounded up; 0 where the instant has passed."""
    return max(math.ceil((instant - at).total_seconds()), 0)


@dataclass(frozen=True)
class Limit:
    """At most ``times`` within a sliding window."""

    times: int
    within: timedelta

    def wait(self, nth_newest: datetime | None, at: datetime) -> int:
        """Seconds until one more is allowed. ``nth_newest``: when the ``times``-th newest happened, if there were so many."""
        return 0 if nth_newest is None else seconds_until(nth_newest + self.within, at)


FAILURES_OF_ADDRESS = Limit(30, timedelta(minutes=15))
"""More than for an account: a whole office may come from one address."""


def refuse_while(seconds: int) -> None:
    """Raises TooManyAttempts unless there is nothing to wait for."""
    if seconds > 0:
        raise TooManyAttempts("too many attempts, wait and try again", retry_after=seconds)


# ---------------------------------------------------------- one-time codes

TRIES = 5
SENDS_TO_NUMBER = (Limit(3, timedelta(minutes=10)), Limit(10, timedelta(days=1)))
SENDS_FROM_ADDRESS = Limit(20, timedelta(minutes=10))
SENDS_OF_SITE = Limit(300, timedelta(minutes=1))


@dataclass(frozen=True)
class SentCode:
    """What is known of a code when somebody types it: used once only, ``tries`` wrong ones so far, until when it is good."""

    used: bool
    tries: int
    expires_at: datetime


def accept_code(sent: SentCode, *, matches: bool, at: datetime) -> None:
    """Lets the right code pass, in time and within its tries.

    Raises:
        NotAuthenticated: ``code_used``, ``code_expired``, ``too_many_tries``, or ``wrong_code`` with fact ``tries_left``.
    """
    if sent.used:
        raise NotAuthenticated("this code was used, ask for a new one", code="code_used")
    if at >= sent.expires_at:
        raise NotAuthenticated("this code is too old, ask for a new one", code="code_expired")
    if sent.tries >= TRIES:
        raise NotAuthenticated("this code was tried too often, ask for a new one", code="too_many_tries")
    if not matches:
        raise NotAuthenticated("this is not the code", code="wrong_code", tries_left=TRIES - sent.tries - 1)
