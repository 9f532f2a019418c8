"""Login ids and the scopes of logins."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from contracts.errors import InvalidInput
from contracts.model import IST, Role, site_of

ROLE_PREFIXES: dict[Role, str] = {
    "security": "SEC", "reception": "REC", "assisted": "SEW", "ado": "ADO", "ops": "OPS", "auditor": "AUD",
    "grievance": "GRO", "privacy": "DPO", "kiosk": "KIO", "gate_device": "GAT",
}  # fmt: skip
_NEEDED: dict[Role, tuple[str, ...]] = {
    "department": ("department",),
    "security": ("site",),
    "reception": ("site",),
    "kiosk": ("site",),
    "gate_device": ("site", "gate"),
}
_ALLOWED: dict[Role, tuple[str, ...]] = {
    "department": ("department", "site", "assistant_of"),
    "security": ("site", "gate"),
    "reception": ("site", "gate"),
    "kiosk": ("site",),
    "gate_device": ("site", "gate"),
}


FURTHEST_END = timedelta(days=3660)
"""A last day further away is a misspelling."""


@dataclass(frozen=True)
class Scope:
    """Where a login may act."""

    department: str | None = None
    site: str | None = None
    gate: str | None = None
    assistant_of: str | None = None


def check_scope(role: Role, scope: Scope) -> None:
    """Raise an error unless the scope fits the role.

    A department login needs a department, a security, reception or kiosk login a site, the login of a gate
    device a site and a gate. Nobody gets a scope that means nothing to their role.

    Raises:
        InvalidInput: ``needed_for_role``, ``not_for_role`` or ``not_of_site``, with the field.
    """
    for needed in _NEEDED.get(role, ()):
        if getattr(scope, needed) is None:
            raise InvalidInput.of(needed, "needed_for_role")
    for field in ("department", "site", "gate", "assistant_of"):
        if getattr(scope, field) is not None and field not in _ALLOWED.get(role, ()):
            raise InvalidInput.of(field, "not_for_role")
    if scope.gate is not None and site_of(scope.gate) != scope.site:
        raise InvalidInput.of("gate", "not_of_site")


def today_of(now: datetime) -> date:
    """Return the day in India."""
    return now.astimezone(IST).date()


def check_last_day(valid_until: date | None, today: date) -> None:
    """Raise an error unless the last day of a login is today or later, and not absurdly far away.

    Raises:
        InvalidInput: ``date_past`` or ``date_too_far``, with the field ``valid_until``.
    """
    if valid_until is not None and valid_until < today:
        raise InvalidInput.of("valid_until", "date_past")
    if valid_until is not None and valid_until > today + FURTHEST_END:
        raise InvalidInput.of("valid_until", "date_too_far")


def end_of(valid_until: date) -> datetime:
    """Return the instant at which a login with this last day ends: the midnight after it, in India."""
    return datetime.combine(valid_until + timedelta(days=1), time(), IST)


def prefix_of(role: Role, department: str | None) -> str:
    """Return the letters of a login id: the role's, or for a department the first three of its code.

    The department ``home`` gets ``HOM``. A department whose letters are a role's gets ``D`` before its first
    two, so that ``SEC-7K3M9Q`` is always a guard.
    """
    if role != "department":
        return ROLE_PREFIXES[role]
    letters = re.sub(r"[^A-Z]", "", (department or "").upper())
    prefix = letters[:3] or "DEP"
    return f"D{letters[:2]}" if prefix in ROLE_PREFIXES.values() else prefix


def last_void_instant(now: datetime) -> datetime:
    """Return up to when tokens of a login that is reset now are void.

    A token gives its time in whole seconds, so this is the end of the second before. Otherwise a token of the
    new password, issued in the second of the reset, would be void, too. The old sessions of that second are
    ended one by one.
    """
    return now.replace(microsecond=0) - timedelta(microseconds=1)
