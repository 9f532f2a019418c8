"""Supervisors of gates: who is one, their PIN, and whether it was typed for a scan.

The ADO Branch names a security login as supervisor; the login chooses a PIN of six digits. A gate proves with
it that the supervisor was there, online and, later, for what happened without a network. Whether the gates of
a site demand one is another decision (`supervisor_rules.py`).
"""

import base64
import secrets
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts import supervisor_pin
from contracts.envelope import Received
from contracts.errors import Conflict, ContractError, Forbidden
from contracts.events import LoginDisabled
from contracts.model import site_of
from contracts.rpc.call import Call, Nothing
from contracts.rpc.verify.manifests import ManifestSupervisor
from contracts.rpc.verify.offline_scans import OfflineScan
from contracts.rpc.verify.scans import Matched, ScanPass, Supervisor
from contracts.rpc.verify.supervisors import (
    END_SUPERVISOR,
    NAME_SUPERVISOR,
    SET_PIN,
    NameSupervisor,
    OwnPin,
    SetPin,
    SupervisorId,
    SupervisorList,
    SupervisorView,
)
from services.chassis.db import locks
from services.chassis.db.database import Database, personal_keys_of
from services.chassis.rpc.idempotency import once
from services.chassis.runtime.cpu_pool import offload
from services.verify.domain.verdicts import needs_supervisor
from services.verify.handlers import incidents, supervisor_rules
from services.verify.handlers.authorization import require_ado, require_gate_login
from services.verify.models import (
    DisabledLoginRow,
    IncidentRow,
    NonceRow,
    PassRow,
    SupervisorRow,
)

FAILURES_AT_ONCE = 5
"""So many wrong PINs in a row, and a supervisor has to wait."""
LOCKED_FOR = timedelta(minutes=15)
MISSING = "supervisor_missing"
"""The problem of an entry to which a supervisor has to agree, and none has."""
OWN_SCAN = "own_scan"
"""The problem of an entry to which whoever scanned it, or sends it, has agreed."""
MOST_FAILURES = 20
"""So many, and the PIN is void: its owner chooses another one."""
SECURITY = "SEC-"
"""So begin the logins that may be supervisors."""


def name(request: NameSupervisor, call: Call, session: Session, now: datetime) -> SupervisorView:
    """Name a security login as supervisor of the gates of a site; one who is it of the site already stays.

    Raises:
        Forbidden: the principal is not of the ADO Branch.
        Conflict: ``login_disabled``.
    """
    login = require_ado(call.principal)

    def effect() -> str:
        _lock_login(session, request.login_id)
        if session.get(DisabledLoginRow, request.login_id) is not None:
            raise Conflict("a disabled login is no supervisor", code="login_disabled")
        row = SupervisorRow
        new = insert(row).values(
            login_id=request.login_id, site=request.site, named_by=login, named_at=now, failures=0
        )
        names = ("site", "named_by", "named_at")
        moved = {one: new.excluded[one] for one in names} | dict.fromkeys((*_PIN, "pin_set_at"))
        session.execute(
            new.on_conflict_do_update(
                index_elements=[row.login_id], set_=moved, where=row.site != new.excluded.site
            )
        )
        return request.login_id

    return once(
        session,
        call,
        f"verify.{NAME_SUPERVISOR.name}",
        request,
        effect,
        lambda named: _view(session.get_one(SupervisorRow, named)),
        reference=str,
    )


def end(request: SupervisorId, call: Call, session: Session) -> Nothing:
    """Take the task of a supervisor away, with their PIN. Whether the gates demand one stays as it is.

    Raises:
        Forbidden: the principal is not of the ADO Branch.
    """
    require_ado(call.principal)

    def effect() -> str:
        session.execute(delete(SupervisorRow).where(SupervisorRow.login_id == request.login_id))
        return request.login_id

    route = f"verify.{END_SUPERVISOR.name}"
    return once(session, call, route, request, effect, lambda _: Nothing(), reference=str)


def handle_login_disabled(received: Received[LoginDisabled], session: Session, now: datetime) -> None:
    """End the task and the PIN of a login that was disabled, and remember that it was."""
    login_id = received.event.login_id
    _lock_login(session, login_id)
    if login_id.startswith(SECURITY):
        heard = insert(DisabledLoginRow).values(login_id=login_id, heard_at=now)
        session.execute(heard.on_conflict_do_nothing())
    session.execute(delete(SupervisorRow).where(SupervisorRow.login_id == login_id))


def _lock_login(session: Session, login_id: str) -> None:
    """Have whoever names a login, or ends it, see what the other one has done."""
    locks.lock(session, f"supervisor {login_id}")


def list_all(call: Call, session: Session, now: datetime) -> SupervisorList:
    """Return the supervisors of all sites, and what the gates of each demand.

    Raises:
        Forbidden: the principal is not of the ADO Branch.
    """
    require_ado(call.principal)
    rows = session.scalars(select(SupervisorRow).order_by(SupervisorRow.site, SupervisorRow.login_id))
    return SupervisorList(
        items=tuple(_view(row) for row in rows), sites=supervisor_rules.list_sites(session, now)
    )


def own_pin(call: Call, session: Session, now: datetime) -> OwnPin:
    """Return whether the principal is a supervisor with a PIN, and what is wrong at their site."""
    row = _own(call, session)
    site = call.principal.site
    return OwnPin(
        is_supervisor=row is not None,
        pin_set_at=_pin_since(row) if row is not None else None,
        problem=next(
            (one.problem for one in supervisor_rules.list_sites(session, now) if one.site == site), None
        ),
    )


def set_pin(request: SetPin, call: Call, db: Database, now: datetime) -> OwnPin:
    """Set the PIN of the principal. Wrong ones that were typed before count no more.

    Raises:
        Forbidden: they are no supervisor of their site (``no_supervisor``).
    """
    with db.queries() as session:  # whoever is none would make verify derive keys all day
        if _own(call, session) is None:
            raise Forbidden("this login is no supervisor", code="no_supervisor")
    salt = secrets.token_bytes(16)
    key: bytes = offload(supervisor_pin.derive, request.pin, salt)  # with no transaction open
    with db.transaction() as session:

        def effect() -> str:
            row = _own(call, session, lock=True)
            if row is None:
                raise Forbidden("this login is no supervisor", code="no_supervisor")
            row.key_id = uuid4()
            row.key_sealed = personal_keys_of(session).seal(row.key_id, {"key": supervisor_pin.encode(key)})
            row.salt, row.iterations = supervisor_pin.encode(salt), supervisor_pin.ITERATIONS
            row.verifier, row.pin_set_at = supervisor_pin.verifier(key), now
            row.failures, row.locked_until = 0, None
            return row.login_id

        return once(
            session,
            call,
            f"verify.{SET_PIN.name}",
            request,
            effect,
            lambda _: own_pin(call, session, now),
            reference=str,
        )


def of_site(session: Session, site: str) -> tuple[ManifestSupervisor, ...]:
    """Return what the gates of a site check PINs by."""
    row = SupervisorRow
    has_pin = select(row).where(row.site == site, row.verifier.is_not(None)).order_by(row.login_id)
    return tuple(
        ManifestSupervisor.model_validate(
            {key: getattr(one, key) for key in ("login_id", "salt", "iterations", "verifier")}
        )
        for one in session.scalars(has_pin)
    )


def who_may_agree(session: Session, site: str, login: str) -> tuple[str, ...]:
    """Return the logins of the supervisors of a site who have a PIN and may agree to a scan of this login."""
    row = SupervisorRow
    may_agree = (row.site == site) & row.verifier.is_not(None) & (row.login_id != login)
    return tuple(session.scalars(select(row.login_id).where(may_agree).order_by(row.login_id)))


def may_need(request: ScanPass, row: PassRow, came_at: datetime, *, is_late: bool = False) -> bool:
    """Return whether an entry needs a supervisor, where the gates of its site demand one.

    ``came_at`` is as in `scan_records.note_id`.
    """
    is_compared = isinstance(request.id_check, Matched)
    return needs_supervisor(
        row.mismatched_at, came_at, is_advised=row.call_supervisor, is_compared=is_compared, is_late=is_late
    )


def require(request: ScanPass, row: PassRow, came_at: datetime, session: Session) -> None:
    """Raise `Forbidden` if an entry needs a supervisor, and none has agreed.

    Raises:
        Forbidden: ``supervisor_missing``.
    """
    is_missing = request.supervisor is None and may_need(request, row, came_at)
    if is_missing and supervisor_rules.are_demanded(session, site_of(request.gate)):
        raise Forbidden("nobody goes in unless a supervisor agrees", code=MISSING)


def check(request: ScanPass, call: Call, db: Database, now: datetime) -> ContractError | None:
    """Return why a supervisor's agreement to an entry is refused; None where they have typed their PIN.

    The refusal is returned so that the count of wrong PINs is committed before it is raised.

    Raises:
        Forbidden: the login does not stand at this gate.
    """
    login = require_gate_login(call.principal, request.gate)
    agreed = request.supervisor
    assert agreed is not None
    if agreed.login_id == login:
        return Forbidden("whoever scans does not agree to it as well", code=OWN_SCAN)
    with db.transaction() as session:
        row = session.get(SupervisorRow, agreed.login_id, with_for_update=True)
        if row is None or row.key_sealed is None or row.site != call.principal.site:
            return Forbidden("this is no supervisor with a PIN", code="no_supervisor")
        if row.locked_until is not None and now < row.locked_until:
            return Forbidden("too many wrong PINs were typed", code="pin_locked")
        locked_until = row.locked_until
        # Counted before it is known, so that no more are tried at once than one after the other.
        row.failures += 1
        if row.failures % FAILURES_AT_ONCE == 0:
            row.locked_until = now + LOCKED_FOR
        if agreed.pin is None:
            is_right = _is_proven(session, row, agreed, request, login)
            if is_right and (request.id_check is None or _is_used(session, agreed, request, login)):
                # It was used, or is only looked at and can be sent again: other wrong ones still count.
                row.failures, row.locked_until = row.failures - 1, locked_until
                return None
            return _settle(session, row, request, login, now, is_right=is_right)
        salt, iterations = base64.urlsafe_b64decode(f"{row.salt}=="), row.iterations
    key: bytes = offload(supervisor_pin.derive, agreed.pin, salt, iterations)  # with no transaction open
    with db.transaction() as session:
        row = session.get(SupervisorRow, agreed.login_id, with_for_update=True)
        is_right = row is not None and row.verifier == supervisor_pin.verifier(key)
        return _settle(session, row, request, login, now, is_right=is_right)


def _settle(
    session: Session,
    row: SupervisorRow | None,
    request: ScanPass,
    login: str,
    now: datetime,
    *,
    is_right: bool,
) -> ContractError | None:
    """Note whether the PIN that was counted as a wrong one was right; return the refusal if it was not."""
    if row is not None and is_right:
        row.failures, row.locked_until = 0, None
        return None
    if row is not None and row.failures % FAILURES_AT_ONCE == 0:
        incidents.add(session, "wrong_pin", request.gate, now, login=login, supervisor=row.login_id)
    if row is not None and row.failures >= MOST_FAILURES:
        _void(row)
    return Forbidden("this is not the supervisor's PIN", code="wrong_pin")


def _is_used(session: Session, agreed: Supervisor, request: ScanPass, login: str) -> bool:
    """Return whether a proof was sent before: its entry is an incident, or its nonce is that of a scan."""
    if session.get(NonceRow, (login, request.nonce)) is not None:
        return True
    return (
        agreed.proof is not None and session.get(IncidentRow, incidents.override_id(agreed.proof)) is not None
    )


def is_proven(scan: OfflineScan, login: str, session: Session) -> bool:
    """Return whether another login, a supervisor, has typed their PIN for a scan without a network."""
    agreed = scan.offline.supervisor
    if agreed is None or agreed.login_id == login:
        return False
    row = session.get(SupervisorRow, agreed.login_id)
    if row is None or row.key_sealed is None or row.site != site_of(scan.gate):
        return False
    return _is_proven(session, row, agreed, scan, login)


_PIN = ("key_id", "key_sealed", "salt", "iterations", "verifier", "locked_until")
"""The columns that are empty where there is no PIN. ``pin_set_at`` stays where a PIN is void."""


def _void(row: SupervisorRow) -> None:
    for column in _PIN:
        setattr(row, column, None)
    row.failures = 0


def _is_proven(session: Session, row: SupervisorRow, agreed: Supervisor, scan: ScanPass, login: str) -> bool:
    """Return whether the proof is the supervisor's, for this scan of this login.

    A nonce is one scan of one login. The incident of a proof says for whose it has counted, so that another
    login cannot send it with the same nonce.
    """
    if agreed.proof is not None:
        used = session.get(IncidentRow, incidents.override_id(agreed.proof))
        if used is not None and used.login != login:
            return False
    assert row.key_id is not None
    assert row.key_sealed is not None
    sealed = personal_keys_of(session).open(row.key_id, row.key_sealed)
    key = base64.urlsafe_b64decode(f"{sealed['key']}=")
    scanned = scan.token if scan.token is not None else scan.pass_number or ""
    return supervisor_pin.is_proof(agreed.proof, key, scan.nonce, scanned, agreed.overrides)


def _own(call: Call, session: Session, *, lock: bool = False) -> SupervisorRow | None:
    """Return the row of the principal, if they are a supervisor of their site."""
    principal = call.principal
    if principal.role != "security" or principal.login_id is None:
        raise Forbidden("only security officers have a PIN")
    row = session.get(SupervisorRow, principal.login_id, with_for_update=lock or None)
    return row if row is not None and row.site == principal.site else None


def _view(row: SupervisorRow) -> SupervisorView:
    shown = {key: getattr(row, key) for key in SupervisorView.model_fields}
    return SupervisorView.model_validate(shown | {"pin_set_at": _pin_since(row)})


def _pin_since(row: SupervisorRow) -> datetime | None:
    """Return since when a supervisor has their PIN; None where it is void."""
    return row.pin_set_at if row.verifier is not None else None
