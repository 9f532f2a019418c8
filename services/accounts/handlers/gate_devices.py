"""The devices of gates: who enrolled them, what they report, and who is signed in on them.

A gate device is a login of its own, for a site and a gate. `logins.py` issues, resets and disables it as
every other one, `passwords.py` exchanges its code.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import inf
from typing import get_args

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from contracts.errors import Forbidden
from contracts.model import AHEAD, GateDeviceWorry, is_ahead
from contracts.rpc.accounts.gate_devices import GateDeviceList, GateDeviceReport, GateDeviceView
from contracts.rpc.call import Call, Nothing
from contracts.tokens import SESSION_AUDIENCE, SESSION_TYP, SessionClaims
from services.accounts.adapters.keys import key_store
from services.accounts.domain.gate_devices import SILENT, worries_of
from services.accounts.handlers import sessions
from services.accounts.metrics import GATE_DEVICES, GATE_LIST_AGE, gate_label, site_label
from services.accounts.models import GateDeviceRow, LoginRow, SessionRow
from services.accounts.settings import AccountsSettings
from services.chassis.db.upserts import put
from services.chassis.tokens.signing_key import public_key
from services.chassis.tokens.verification import TokenRefused, TokenVerifier

_WORRIES: tuple[GateDeviceWorry, ...] = get_args(GateDeviceWorry)
LOST = "lost"
LAST_MINUTES = timedelta(minutes=3)
"""A device whose session ended so soon after its last report was not lost: it cannot report without one."""


def require_own_site(login: LoginRow, call: Call) -> None:
    """Raise `Forbidden` unless the guard who enrols a device is of its site, and of its gate if of any."""
    guard = call.principal
    if login.site != guard.site or guard.gate not in (None, login.gate):
        raise Forbidden("this device is for another gate", code="device_of_other_gate")


def used_by(
    login: LoginRow | None, tokens: Sequence[str], session: Session, now: datetime, settings: AccountsSettings
) -> str | None:
    """Return the enrolled device of a gate on which a login of its site signs in; None if on none.

    Accounts has signed the token of the device, and its session is open. It is the only one with dots. It is
    the same work where there is no such login, so that no time tells.
    """
    token = next((one for one in tokens if "." in one), None)
    if token is None:
        return None
    keys = {key.kid: key.x for key in key_store(settings).published(session, now)}
    verifier = TokenVerifier(SESSION_TYP, SESSION_AUDIENCE, settings.issuer, SessionClaims)
    try:
        claims = verifier.verify(token, lambda kid: public_key(keys[kid]) if kid in keys else None, now)
    except TokenRefused:
        return None
    of_site = (SessionRow.role == "gate_device") & (SessionRow.site == (login and login.site))
    own = (SessionRow.sid == claims.sid) & of_site & sessions.is_live(now)
    return session.scalar(select(SessionRow.login_id).where(own))


def record_enrolment(session: Session, login: LoginRow, call: Call, now: datetime) -> None:
    """Record who has enrolled a device. What it had reported before was another browser's."""
    enrolled = {"enrolled_by": call.principal.login_id, "guard_sid": call.principal.sid, "reported_at": now}
    fresh = {"version": None, "list_at": None, "unsent": 0, "unsent_since": None}
    put(session, GateDeviceRow, {"login_id": login.login_id}, enrolled | fresh)


def report(request: GateDeviceReport, call: Call, session: Session, now: datetime) -> Nothing:
    """Store what a device says of itself, and which session is open on it.

    Raises:
        Forbidden: the caller is not at an enrolled device.
    """
    device = call.principal.gate_device
    if device is None:
        raise Forbidden("only an enrolled device reports", code="device_missing")
    row = session.get(GateDeviceRow, device, with_for_update=True)
    if row is None:
        row = GateDeviceRow(login_id=device, unsent=0)
        session.add(row)
    age = request.list_age_s
    row.guard_sid, row.reported_at, row.version = call.principal.sid, now, request.version
    row.list_at = None if age is None else now - timedelta(seconds=age)
    since = row.unsent_since if row.unsent_since is None or not is_ahead(row.unsent_since, now) else now
    row.unsent_since = None if request.unsent == 0 else since or now
    row.unsent = request.unsent
    return Nothing()


def end_sessions_on(session: Session, login: LoginRow, now: datetime) -> None:
    """End the session that was last open on a device; nothing for every other login."""
    if login.role != "gate_device":
        return
    row = session.get(GateDeviceRow, login.login_id)
    if row is not None and row.guard_sid is not None:
        sessions.end_live(session, SessionRow.sid == row.guard_sid, now)


def list_all(call: Call, session: Session, now: datetime, settings: AccountsSettings) -> GateDeviceList:
    """Return the devices of gates: of all sites, or of the caller's own site for security.

    Raises:
        Forbidden: the caller is not of the ADO Branch, of operations or of security.
    """
    principal = call.principal
    if principal.role not in ("ado", "ops", "security"):
        raise Forbidden("this is not for this role")
    own = LoginRow.site == principal.site if principal.role == "security" else LoginRow.site.is_not(None)
    devices = and_(LoginRow.role == "gate_device", own)
    found = session.execute(
        select(LoginRow, GateDeviceRow)
        .outerjoin(GateDeviceRow, GateDeviceRow.login_id == LoginRow.login_id)
        .where(devices)
        .order_by(LoginRow.site, LoginRow.gate, LoginRow.login_id)
    )
    return GateDeviceList(items=tuple(_view(login, row, now, settings.gate_unsent) for login, row in found))


def show_worries(session: Session, now: datetime, settings: AccountsSettings) -> None:
    """Show which devices have not reported, or not sent their scans, and how old their lists are."""
    counts = count_worries(session, now, settings.gate_silent, settings.gate_unsent)
    ages = list_ages(session, now)
    GATE_DEVICES.clear()  # a site whose last device was revoked has none
    for (site, worry), count in counts.items():
        GATE_DEVICES.labels(site_label(site), worry).set(count)
    GATE_LIST_AGE.clear()  # nor has a gate whose devices are switched off
    for (site, gate), age in ages.items():
        GATE_LIST_AGE.labels(site_label(site), gate_label(gate)).set(age)


def count_worries(
    session: Session, now: datetime, silent: timedelta, unsent: timedelta
) -> dict[tuple[str, str], int]:
    """Return by site and worry how many enrolled devices have it; a site without a device is left out.

    ``lost`` are those of the silent ones that somebody was signed in on when they were last heard of, within
    a day: nobody has closed that gate. That the session has expired since does not say that anybody did.
    """
    was_open = and_(
        SessionRow.sid == GateDeviceRow.guard_sid,
        SessionRow.ended_at.is_(None),
        SessionRow.expires_at > GateDeviceRow.reported_at + LAST_MINUTES,
        GateDeviceRow.reported_at > now - SILENT,
    )
    enrolled = (
        select(
            LoginRow.site, GateDeviceRow.reported_at, GateDeviceRow.unsent_since, SessionRow.sid.is_not(None)
        )
        .outerjoin(GateDeviceRow, GateDeviceRow.login_id == LoginRow.login_id)
        .outerjoin(SessionRow, was_open)
        .where(
            LoginRow.role == "gate_device",
            LoginRow.disabled_at.is_(None),
            LoginRow.must_change_password.is_(False),
            LoginRow.site.is_not(None),
        )
    )
    counts: dict[tuple[str, str], int] = {}
    for site, reported_at, unsent_since, was_signed_in in session.execute(enrolled):
        found: set[str] = {*worries_of(reported_at, unsent_since, now, silent=silent, unsent=unsent)}
        if was_signed_in and "silent" in found:
            found.add(LOST)
        for worry in (*_WORRIES, LOST):
            counts[str(site), worry] = counts.get((str(site), worry), 0) + (worry in found)
    return counts


def list_ages(session: Session, now: datetime) -> dict[tuple[str, str], float]:
    """Return by site and gate how old the oldest list of its devices was, in seconds; infinite without one.

    Only devices that report count, as of their last report: whoever has no network is silent, and a gate that
    is closed needs no list.
    """
    reporting = (
        select(LoginRow.site, LoginRow.gate, GateDeviceRow.reported_at, GateDeviceRow.list_at)
        .join(GateDeviceRow, GateDeviceRow.login_id == LoginRow.login_id)
        .where(
            LoginRow.disabled_at.is_(None),
            LoginRow.must_change_password.is_(False),
            GateDeviceRow.version.is_not(None),
            GateDeviceRow.reported_at.between(now - LAST_MINUTES, now + AHEAD),
        )
    )
    ages: dict[tuple[str, str], float] = {}
    for site, gate, reported_at, list_at in session.execute(reporting):
        assert reported_at is not None
        age = inf if list_at is None else (reported_at - list_at).total_seconds()
        where = str(site), str(gate)
        ages[where] = max(age, ages.get(where, 0.0))
    return ages


def _view(login: LoginRow, row: GateDeviceRow | None, now: datetime, unsent: timedelta) -> GateDeviceView:
    if login.disabled_at is not None:
        state = "revoked"
    else:
        state = "waiting" if login.must_change_password else "enrolled"
    reported = row if state == "enrolled" else None
    return GateDeviceView.from_attributes(
        login,
        device=login.login_id,
        state=state,
        enrolled_by=row and row.enrolled_by,
        reported_at=row and row.reported_at,
        version=row and row.version,
        list_at=row and row.list_at,
        unsent=row.unsent if row else 0,
        worries=worries_of(reported.reported_at, reported.unsent_since, now, silent=SILENT, unsent=unsent)
        if reported
        else (),
    )
