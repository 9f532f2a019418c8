"""Logging in, enrolling a device and changing a password.

Hashing runs on a thread of its own between two transactions, never within one.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.errors import ContractError, Forbidden, InvalidInput, NotAuthenticated
from contracts.login_ids import normalized
from contracts.model import DEVICE_ROLES, Role
from contracts.rpc.accounts.gate_devices import ENROL_GATE_DEVICE
from contracts.rpc.accounts.second_factor import StartEnrolment, WaitingSignIn
from contracts.rpc.accounts.sessions import (
    CHANGE_PASSWORD,
    ENROL_KIOSK,
    LOG_IN,
    ChangePassword,
    LogIn,
    StaffSession,
)
from contracts.rpc.call import Call
from services.accounts.adapters import device_tokens, passwords
from services.accounts.adapters.device_tokens import Device, id_of
from services.accounts.domain.logins import last_void_instant, today_of
from services.accounts.domain.passwords import check_new
from services.accounts.handlers import attempts, gate_devices, own_factor, second_factor, sessions
from services.accounts.handlers.attempts import Source
from services.accounts.models import LoginRow, SecondFactorRow, SignInRow
from services.accounts.settings import AccountsSettings
from services.chassis.db.database import Database
from services.chassis.rpc.idempotency import once
from services.chassis.runtime.cpu_pool import offload


def log_in(
    request: LogIn, call: Call, db: Database, now: datetime, settings: AccountsSettings
) -> StaffSession:
    """Open a session for a login and its password.

    An unknown login, a disabled or expired one and a wrong password get the same answer after the same work.

    Raises:
        NotAuthenticated: ``wrong_login``; or, to whoever knows the password, ``initial_password_expired``,
            or ``second_factor_required`` or ``second_factor_missing`` with the fact ``sign_in``.
        TooManyAttempts: too many passwords were wrong; this one was not checked, or its result is withheld.
    """
    return _enter(request, call, db, now, settings, LOG_IN.name)


def enrol_kiosk(
    request: LogIn, call: Call, db: Database, now: datetime, settings: AccountsSettings
) -> StaffSession:
    """Exchange the one-time token of a kiosk's login for a session of the device. The token works once.

    Raises:
        NotAuthenticated: ``wrong_login``; or ``token_used`` or ``initial_password_expired``, after which the
            ADO Branch can give the kiosk a new token.
        TooManyAttempts: as for :func:`log_in`.
    """
    return _enter(request, call, db, now, settings, ENROL_KIOSK.name, "kiosk")


def enrol_gate_device(
    request: LogIn, call: Call, db: Database, now: datetime, settings: AccountsSettings
) -> StaffSession:
    """Exchange the one-time code of a gate device for a session of the device. The code works once.

    An officer of its site enrols it, who is signed in on it: a code that somebody has photographed is not
    enough.

    Raises:
        Forbidden: the caller is no guard, or of another site than the device.
        NotAuthenticated: ``wrong_login``; or ``token_used`` or ``initial_password_expired``, after which the
            ADO Branch can give the device a new code.
        TooManyAttempts: as for :func:`log_in`.
    """
    if call.principal.role != "security":
        raise Forbidden("a guard enrols the device of a gate")
    return _enter(request, call, db, now, settings, ENROL_GATE_DEVICE.name, "gate_device")


def _enter(
    request: LogIn,
    call: Call,
    db: Database,
    now: datetime,
    settings: AccountsSettings,
    route: str,
    device_role: Role | None = None,
) -> StaffSession:
    login_id = normalized(request.login_id)
    with db.transaction() as session:
        login = _usable(session, login_id, today_of(now), device_role)
        stored, void_to = (None, None) if login is None else (login.password_hash, login.strangers_to)
        device = device_tokens.find(request.devices, login_id, now, settings.password_secret, void_to)
        is_right = passwords.is_right_one_time(stored, request.password, settings.password_secret)
        here = id_of(device) or gate_devices.used_by(login, request.devices, session, now, settings)
        source = Source(call.address, here, guessed=not is_right)
        attempts.check(session, login_id, source, now, settings)
    matched = offload(
        passwords.verify, stored or passwords.NOBODY, request.password, settings.password_secret
    )
    with db.transaction() as session:
        attempts.check_again(session, login_id, source, now, settings)
        if matched and stored is not None:
            outcome: StaffSession | ContractError = _open_session(
                session, call, route, request, login_id, stored, source, device, now, settings
            )
        else:
            attempts.record_failure(session, login_id, source, now, settings)
            outcome = _wrong_login()
    return attempts.raised(outcome)


def _open_session(
    session: Session,
    call: Call,
    route: str,
    request: LogIn,
    login_id: str,
    verified: str,
    source: Source,
    device: Device | None,
    now: datetime,
    settings: AccountsSettings,
) -> StaffSession | NotAuthenticated:
    """Return a session, or the answer to a right password that is not enough."""

    def effect() -> UUID:
        login = _lock_unchanged(session, login_id, verified, now, settings)
        attempts.forget_failures(session, login_id, settings, source)
        if login.role == "gate_device":
            gate_devices.require_own_site(login, call)
        if login.role in DEVICE_ROLES:
            # A device's token is stored as a person's initial password is, until somebody uses it.
            if not login.must_change_password:
                raise NotAuthenticated("this token was used", code="token_used")
            login.must_change_password, login.enrolled_at = False, now
        elif (waiting := second_factor.wait_for_factor(session, login, now, settings)) is not None:
            return waiting.id
        login.last_used_at = now
        if login.role == "gate_device":
            gate_devices.record_enrolment(session, login, call, now)
        return sessions.open_for_staff(session, login, now, settings)

    def answer(made: UUID) -> StaffSession | NotAuthenticated:
        return _session_or_refusal(session, made, settings, device)

    return once(session, call, route, request, effect, answer, reference=UUID)


def _session_or_refusal(
    session: Session, made: UUID, settings: AccountsSettings, device: Device | None = None
) -> StaffSession | NotAuthenticated:
    waiting = session.get(SignInRow, made)
    if waiting is not None:
        return second_factor.refusal(waiting, settings)
    return sessions.staff_answer(session, made, settings, device)


def change(
    request: ChangePassword, call: Call, db: Database, now: datetime, settings: AccountsSettings
) -> StaffSession:
    """Set a new password, end the sessions that the old one opened, and open a new session.

    Other browsers on which the old one was used are strangers from now on.

    Raises:
        InvalidInput: ``current`` is ``wrong_password``, or ``new`` is not good enough.
        NotAuthenticated: the caller has no login, or a disabled or expired one, or its initial password has
            expired, or the session has ended; or, from a session that was opened without the second factor
            that its login has or needs, as for :func:`log_in`. Nothing is changed then.
        TooManyAttempts: as for :func:`log_in`.
    """
    login_id = call.principal.login_id
    if login_id is None:
        raise NotAuthenticated("only a login has a password")
    check_new(request.new, current=request.current, login_id=login_id)
    source = Source(call.address, f"session {call.principal.sid}")
    with db.transaction() as session:
        attempts.check(session, login_id, source, now, settings)
        login = _usable(session, login_id, today_of(now))
    if login is None:
        raise NotAuthenticated("this login is disabled or expired")
    stored = login.password_hash
    matched = offload(passwords.verify, stored, request.current, settings.password_secret)
    fresh = offload(passwords.hash_password, request.new) if matched else None
    with db.transaction() as session:
        outcome = _replace(request, call, session, login_id, stored, fresh, source, now, settings)
    return attempts.raised(outcome)


def start_enrolment(
    request: StartEnrolment, call: Call, db: Database, now: datetime, settings: AccountsSettings
) -> WaitingSignIn:
    """Begin to set up an app: the first one of a login for its password, another one for the app it has.

    Otherwise who finds a browser that is signed in could set up an app of their own.

    Raises:
        InvalidInput: ``password`` is ``wrong_password``.
        NotAuthenticated: the caller has no login, or a disabled or expired one, or the session has ended.
        Forbidden: ``second_factor_stale``.
        TooManyAttempts: as for :func:`log_in`.
    """
    login_id = call.principal.login_id
    if login_id is None or call.principal.kind != "staff":
        raise NotAuthenticated("only a login has a second factor")
    source = Source(call.address, f"session {call.principal.sid}")
    with db.transaction() as session:
        if session.get(SecondFactorRow, login_id) is not None:
            return own_factor.start_replacement(request, call, session, now, settings)
        attempts.check(session, login_id, source, now, settings)
        login = _usable(session, login_id, today_of(now))
    if login is None:
        raise NotAuthenticated("this login is disabled or expired")
    stored = login.password_hash
    matched = offload(passwords.verify, stored, request.password, settings.password_secret)
    with db.transaction() as session:
        attempts.check_again(session, login_id, source, now, settings)
        if matched:
            login = _lock_unchanged(session, login_id, stored, now, settings)
            sessions.lock_own(session, call, now)
            attempts.forget_failures(session, login_id, settings, source)
            return own_factor.start_first(request, call, session, login, now, settings)
        attempts.record_failure(session, login_id, source, now, settings)
    raise InvalidInput.of("password", "wrong_password")


def _replace(
    request: ChangePassword,
    call: Call,
    session: Session,
    login_id: str,
    verified: str,
    fresh: str | None,
    source: Source,
    now: datetime,
    settings: AccountsSettings,
) -> StaffSession | ContractError:
    """Return the new session, or the refusal of a wrong current password, or of one that is not enough.

    A repeated command comes with a password that is no longer the current one. So ``once`` decides first
    whether this is a repeat.
    """

    def effect() -> UUID:
        if fresh is None:
            raise InvalidInput.of("current", "wrong_password")
        login = _lock_unchanged(session, login_id, verified, now, settings)
        own = sessions.lock_own(session, call, now)
        if own.factor_at is None:
            waiting = second_factor.wait_for_factor(session, login, now, settings)
            if waiting is not None:
                return waiting.id
        login.password_hash = fresh
        login.must_change_password = False
        login.devices_void_to = last_void_instant(now)
        attempts.forget_failures(session, login_id, settings, source)
        sessions.end_all_of(session, login_id, now)
        return sessions.open_for_staff(session, login, now, settings, own.factor_at)

    def answer(made: UUID) -> StaffSession | NotAuthenticated:
        return _session_or_refusal(session, made, settings)

    def attempt() -> StaffSession | ContractError:
        return once(session, call, CHANGE_PASSWORD.name, request, effect, answer, reference=UUID)

    return attempts.count(session, login_id, source, now, settings, attempt)


def _usable(session: Session, login_id: str, today: date, device_role: Role | None = None) -> LoginRow | None:
    """Return a login that can be used: of a device of this role, or a person's."""
    usable = (LoginRow.login_id == login_id) & LoginRow.is_usable(today)
    kind = LoginRow.role == device_role if device_role else LoginRow.role.not_in(DEVICE_ROLES)
    return session.scalar(select(LoginRow).where(usable, kind))


def _lock_unchanged(
    session: Session, login_id: str, verified: str, now: datetime, settings: AccountsSettings
) -> LoginRow:
    """Return the login, locked.

    Raises:
        NotAuthenticated: it was disabled, expired or got another password after its hash was read; or
            ``initial_password_expired``.
    """
    unchanged = (LoginRow.login_id == login_id) & (LoginRow.password_hash == verified)
    usable = LoginRow.is_usable(today_of(now))
    login = session.scalar(select(LoginRow).where(unchanged, usable).with_for_update())
    if login is None:
        raise _wrong_login()
    seed = passwords.seed_of(login.password_hash) if login.must_change_password else None
    lifetime = settings.lifetime_of_first_password(login.role)
    if seed is not None and passwords.made_at(seed) + lifetime <= now:
        raise NotAuthenticated("the initial password has expired", code="initial_password_expired")
    return login


def _wrong_login() -> NotAuthenticated:
    return NotAuthenticated("no such login with this password", code="wrong_login")
