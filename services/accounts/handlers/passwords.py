"""Logging in, enrolling a kiosk and changing a password. Hashing runs on a thread of its own between two transactions, never within one."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.errors import InvalidInput, NotAuthenticated
from contracts.rpc.accounts import CHANGE_PASSWORD, ENROL_KIOSK, LOG_IN, ChangePassword, LogIn, StaffSession
from contracts.rpc.call import Call
from services.accounts.adapters import passwords
from services.accounts.domain import logins
from services.accounts.handlers import attempts, sessions
from services.accounts.models import Login
from services.chassis.db.database import Database
from services.chassis.rpc.idempotency import once
from services.chassis.runtime.cpu_pool import offload


def log_in(request: LogIn, call: Call, db: Database, at: datetime) -> StaffSession:
    """Opens a session for a login and its password.

    An unknown login, a disabled one and a wrong password get the same answer after the same work.

    Raises:
        NotAuthenticated: ``wrong_login``.
        TooManyAttempts: too many were wrong; the password was not looked at, or its result is withheld.
    """
    return _enter(request, call, db, at, is_kiosk=False)


def enrol_kiosk(request: LogIn, call: Call, db: Database, at: datetime) -> StaffSession:
    """Exchanges the one-time token of a kiosk's login for a session of the device; the token is good once only.

    Raises:
        NotAuthenticated: ``wrong_login``, or ``token_used``: the ADO Branch can give the kiosk a new one.
        TooManyAttempts: as for logging in.
    """
    return _enter(request, call, db, at, is_kiosk=True)


def _enter(request: LogIn, call: Call, db: Database, at: datetime, *, is_kiosk: bool) -> StaffSession:
    login_id = logins.as_typed(request.login_id)
    with db.transaction() as session:
        attempts.refuse_impatient(session, login_id, call.address, at)
        stored = _enabled_hash(session, login_id, is_kiosk=is_kiosk)
    matched = offload(passwords.matches, stored or passwords.NOBODY, request.password)
    with db.transaction() as session:
        attempts.refuse_impatient_again(session, login_id, call.address, at)
        if matched and stored is not None:
            return _open(session, call, request, login_id, stored, at, is_kiosk=is_kiosk)
        attempts.record_failure(session, login_id, call.address, at)
    raise _wrong_login()


def _open(
    session: Session,
    call: Call,
    request: LogIn,
    login_id: str,
    verified: str,
    at: datetime,
    *,
    is_kiosk: bool,
) -> StaffSession:
    def effect() -> str:
        login = _still(session, login_id, verified)
        if login.role == "kiosk":
            _use_token(login)
        login.last_used_at = at
        attempts.forget_failures(session, login_id)
        return str(sessions.open_for_staff(session, login, at).sid)

    name = ENROL_KIOSK.name if is_kiosk else LOG_IN.name
    return once(session, call, name, request, effect, lambda ref: sessions.staff_answer(session, ref))


def _use_token(login: Login) -> None:
    """A kiosk's token stands where a person's first password does: until it is used."""
    if not login.must_change_password:
        raise NotAuthenticated("this token was used", code="token_used")
    login.must_change_password = False


def change_password(request: ChangePassword, call: Call, db: Database, at: datetime) -> StaffSession:
    """Sets a new password, ends the sessions that the old one opened, and opens a new one.

    Raises:
        InvalidInput: ``current`` is ``wrong_password``, or ``new`` is not good enough.
        NotAuthenticated: the caller is no login, or a disabled one.
        TooManyAttempts: as for logging in.
    """
    login_id = call.principal.login_id
    if login_id is None:
        raise NotAuthenticated("only a login has a password")
    passwords.check_new(request.new, current=request.current, login_id=login_id)
    with db.transaction() as session:
        attempts.refuse_impatient(session, login_id, call.address, at)
        stored = _enabled_hash(session, login_id)
    if stored is None:
        raise NotAuthenticated("this login is disabled")
    matched = offload(passwords.matches, stored, request.current)
    fresh = offload(passwords.hashed, request.new) if matched else None
    with db.transaction() as session:
        outcome = _replaced_or_refused(request, call, session, login_id, stored, fresh, at)
    if isinstance(outcome, InvalidInput):
        raise outcome
    return outcome


def _replaced_or_refused(
    request: ChangePassword,
    call: Call,
    session: Session,
    login_id: str,
    verified: str,
    fresh: str | None,
    at: datetime,
) -> StaffSession | InvalidInput:
    """A repeat comes with a password that is no longer the current one: so ``once`` is asked before it is called wrong."""

    def effect() -> str:
        if fresh is None:
            raise InvalidInput.of("current", "wrong_password")
        return _replace(session, login_id, verified, fresh, at)

    attempts.refuse_impatient_again(session, login_id, call.address, at)
    try:
        with session.begin_nested():
            return once(
                session,
                call,
                CHANGE_PASSWORD.name,
                request,
                effect,
                lambda ref: sessions.staff_answer(session, ref),
            )
    except InvalidInput as refusal:
        attempts.record_failure(session, login_id, call.address, at)
        return refusal


def _replace(session: Session, login_id: str, verified: str, fresh: str, at: datetime) -> str:
    login = _still(session, login_id, verified)
    login.password_hash = fresh
    login.must_change_password = False
    attempts.forget_failures(session, login_id)
    sessions.end_all_of(session, login_id, at)
    return str(sessions.open_for_staff(session, login, at).sid)


def _enabled_hash(session: Session, login_id: str, *, is_kiosk: bool = False) -> str | None:
    """The hash of an enabled login: of a kiosk, or of a person."""
    enabled = (Login.login_id == login_id) & Login.disabled_at.is_(None)
    return session.scalar(select(Login.password_hash).where(enabled, (Login.role == "kiosk") == is_kiosk))


def _still(session: Session, login_id: str, verified: str) -> Login:
    """The login, locked, unless it was disabled or got another password since the hash was read."""
    login = session.scalar(
        select(Login)
        .where(Login.login_id == login_id, Login.disabled_at.is_(None), Login.password_hash == verified)
        .with_for_update()
    )
    if login is None:
        raise _wrong_login()
    return login


def _wrong_login() -> NotAuthenticated:
    return NotAuthenticated("no such login with this password", code="wrong_login")
