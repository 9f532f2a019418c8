"""Logins as the ADO Branch manages them: issued, extended, signed out, reset, disabled."""

import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.errors import Conflict, InvalidInput, NotFound
from contracts.events import LoginDisabled, LoginIssued, PasswordReset
from contracts.login_ids import new_login_id, normalized
from contracts.mobile import parse_mobile
from contracts.model import DEVICE_ROLES, Contact, Language, Role
from contracts.rpc.accounts.logins import (
    DISABLE_LOGIN,
    END_SESSIONS,
    EXTEND_LOGIN,
    ISSUE_LOGIN,
    RESET_FACTOR,
    RESET_LOGIN,
    SET_LOGIN_MOBILE,
    ExtendLogin,
    IssuedLogin,
    IssueLogin,
    LoginId,
    LoginView,
    SetLoginMobile,
)
from contracts.rpc.accounts.sessions import EndedSessions
from contracts.rpc.call import Call
from services.accounts.adapters import passwords
from services.accounts.domain import logins
from services.accounts.handlers import attempts, gate_devices, second_factor, sessions
from services.accounts.handlers.access_messages import count_given, seal_mobile, tell
from services.accounts.handlers.authorization import fresh_ado
from services.accounts.handlers.login_queries import view_of
from services.accounts.models import LoginRow
from services.accounts.settings import AccountsSettings
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once


@dataclass(frozen=True)
class NewPassword:
    """A login that got a one-time password, and the seed from which the password is derived."""

    login_id: str
    seed: UUID


def issue(
    request: IssueLogin, call: Call, session: Session, now: datetime, settings: AccountsSettings
) -> IssuedLogin:
    """Make a login with a one-time password, which only this answer contains.

    Raises:
        Forbidden: the caller is not an enabled ``ado``; or ``second_factor_stale``.
        InvalidInput: the scope does not fit the role, the name or the mobile is not one, or the last day has
            passed.
    """
    issuer = fresh_ado(session, call, now, settings)
    scope = logins.Scope(request.department, request.site, request.gate, request.assistant_of)
    logins.check_scope(request.role, scope)
    logins.check_last_day(request.valid_until, logins.today_of(now))
    contact = _contact(request)

    def effect() -> NewPassword:
        new = add(session, request.role, scope, contact, request.valid_until, request.language, issuer, now)
        tell(session, "login_issued", new.login_id, issuer, now, holder=False)
        return new

    def answer(new: NewPassword) -> IssuedLogin:
        return _issued(new, request.role, settings)

    return once(session, call, ISSUE_LOGIN.name, request, effect, answer, reference=NewPassword)


def add(
    session: Session,
    role: Role,
    scope: logins.Scope,
    contact: Contact,
    valid_until: date | None,
    language: Language,
    issuer: str,
    now: datetime,
) -> NewPassword:
    """Store a login with a one-time password, and publish it."""
    seed = passwords.new_seed(now)
    prefix = logins.prefix_of(role, scope.department)
    while session.get(LoginRow, login_id := new_login_id(prefix)) is not None:
        pass
    row = LoginRow(
        login_id=login_id,
        role=role,
        name=contact.name,
        department=scope.department,
        site=scope.site,
        gate=scope.gate,
        assistant_of=scope.assistant_of,
        password_hash=passwords.one_time(seed),
        must_change_password=True,
        issued_by=issuer,
        issued_at=now,
        valid_until=valid_until,
        mobile_sealed=seal_mobile(session, login_id, contact.mobile),
        language=language,
    )
    event = LoginIssued(
        login_id=login_id,
        role=role,
        site=scope.site,
        department=scope.department,
        issued_by=issuer,
        language=language,
        personal=contact,
    )
    session.add(row)
    outbox.add(session, event, at=now)
    count_given(session, role, "issued")
    return NewPassword(login_id, seed)


def _contact(request: IssueLogin) -> Contact:
    name = " ".join(request.name.split())
    if not name or any(unicodedata.category(sign) == "Cc" for sign in name):
        raise InvalidInput.of("name", "not_a_name")
    try:
        return Contact(name=name, mobile=None if request.mobile is None else parse_mobile(request.mobile))
    except ValueError:
        raise InvalidInput.of("mobile", "not_a_mobile") from None


def _issued(new: NewPassword, role: Role, settings: AccountsSettings) -> IssuedLogin:
    initial = passwords.initial_password(new.seed, settings.password_secret)
    made_at, lasts = passwords.made_at(new.seed), settings.lifetime_of_first_password(role)
    return IssuedLogin(
        login_id=new.login_id, initial_password=initial, valid_until=made_at and made_at + lasts
    )


def extend(
    request: ExtendLogin, call: Call, session: Session, now: datetime, settings: AccountsSettings
) -> LoginView:
    """Give a login another last day, or none. Sessions that would outlive it end.

    Raises:
        Forbidden: as for :func:`issue`.
        NotFound: there is no such login.
        InvalidInput: the day has passed, or is absurdly far away.
        Conflict: ``login_disabled``; or ``last_ado``: no login of the ADO Branch would be without an end.
    """
    fresh_ado(session, call, now, settings)

    def effect() -> str:
        logins.check_last_day(request.valid_until, logins.today_of(now))
        login = _lock_login(session, normalized(request.login_id))
        if login.disabled_at is not None:
            raise Conflict("a disabled login is not extended", code="login_disabled")
        if request.valid_until is not None:
            _refuse_last_ado(session, login)
            sessions.end_later_than(session, login.login_id, logins.end_of(request.valid_until), now)
        login.valid_until = request.valid_until
        return login.login_id

    def answer(login_id: str) -> LoginView:
        return view_of(session, session.get_one(LoginRow, login_id), now)

    return once(session, call, EXTEND_LOGIN.name, request, effect, answer, reference=str)


def set_mobile(
    request: SetLoginMobile, call: Call, session: Session, now: datetime, settings: AccountsSettings
) -> LoginView:
    """Set where the holder of a login is told of what happens to it.

    They are told of this on the number before and on the new one, and so is the rest of the ADO Branch.

    Raises:
        Forbidden: as for :func:`issue`.
        NotFound: there is no such login.
        InvalidInput: ``mobile`` is ``not_a_mobile``; or ``login_id`` is ``not_for_role``: it is a device's.
        Conflict: ``login_disabled``.
    """
    by = fresh_ado(session, call, now, settings)
    try:
        mobile = parse_mobile(request.mobile)
    except ValueError:
        raise InvalidInput.of("mobile", "not_a_mobile") from None

    def effect() -> str:
        login = _lock_login(session, normalized(request.login_id))
        if login.disabled_at is not None:
            raise Conflict("nobody is told of a disabled login", code="login_disabled")
        if login.role in DEVICE_ROLES:
            raise InvalidInput.of("login_id", "not_for_role")
        tell(session, "mobile_changed", login.login_id, by, now)
        login.mobile_sealed = seal_mobile(session, login.login_id, mobile)
        login.language = request.language
        tell(session, "mobile_changed", login.login_id, by, now, colleagues=False)
        return login.login_id

    def answer(login_id: str) -> LoginView:
        return view_of(session, session.get_one(LoginRow, login_id), now)

    return once(session, call, SET_LOGIN_MOBILE.name, request, effect, answer, reference=str)


def end_sessions(
    request: LoginId, call: Call, session: Session, now: datetime, settings: AccountsSettings
) -> EndedSessions:
    """End all sessions of a login, which stays as it is: its password opens new ones.

    Raises:
        Forbidden: as for :func:`issue`.
        NotFound: there is no such login.
    """
    fresh_ado(session, call, now, settings)

    def effect() -> EndedSessions:
        login = _lock_login(session, normalized(request.login_id))
        return EndedSessions(login_id=login.login_id, ended=sessions.end_all_of(session, login.login_id, now))

    return once(
        session, call, END_SESSIONS.name, request, effect, lambda ended: ended, reference=EndedSessions
    )


def disable(
    request: LoginId, call: Call, session: Session, now: datetime, settings: AccountsSettings
) -> LoginView:
    """End a login and its sessions. A login that is disabled already stays as it is.

    Raises:
        Forbidden: as for :func:`issue`.
        NotFound: there is no such login.
        Conflict: ``last_ado``: without this login nobody could issue logins any more.
    """
    by = fresh_ado(session, call, now, settings)

    def effect() -> str:
        login = _lock_login(session, normalized(request.login_id))
        if login.disabled_at is None:
            _refuse_last_ado(session, login)
            login.disabled_at, login.disabled_by, login.mobile_sealed = now, by, None
            until = _void_tokens(session, login, up_to=now, now=now, settings=settings)
            event = LoginDisabled(login_id=login.login_id, disabled_by=by, sessions_until=until)
            outbox.add(session, event, at=now)
        return login.login_id

    def answer(login_id: str) -> LoginView:
        return view_of(session, session.get_one(LoginRow, login_id), now)

    return once(session, call, DISABLE_LOGIN.name, request, effect, answer, reference=str)


def _refuse_last_ado(session: Session, login: LoginRow) -> None:
    """Raise an error if this is the last login of the ADO Branch that is enabled and has no end.

    One of them stays, so that a day never comes on which nobody can issue logins.
    """
    if login.role != "ado" or login.valid_until is not None:
        return
    others = (LoginRow.role == "ado") & (LoginRow.login_id != login.login_id)
    lasting = others & LoginRow.disabled_at.is_(None) & LoginRow.valid_until.is_(None)
    if session.scalars(select(LoginRow.login_id).where(lasting).limit(1)).first() is None:
        raise Conflict("the last lasting login of the ADO Branch cannot end", code="last_ado")


def reset(
    request: LoginId, call: Call, session: Session, now: datetime, settings: AccountsSettings
) -> IssuedLogin:
    """Give a login a new one-time password and end its sessions.

    Raises:
        Forbidden: as for :func:`issue`.
        NotFound: there is no such login.
        Conflict: ``login_disabled``; a person who comes back gets a new login.
    """
    by = fresh_ado(session, call, now, settings)

    def effect() -> NewPassword:
        login = _lock_login(session, normalized(request.login_id))
        if login.disabled_at is not None:
            raise Conflict("a disabled login is not reset", code="login_disabled")
        seed = passwords.new_seed(now)
        login.password_hash, login.must_change_password = passwords.one_time(seed), True
        attempts.forget_failures(session, login.login_id, settings)
        up_to = logins.last_void_instant(now)
        until = _void_tokens(session, login, up_to=up_to, now=now, settings=settings)
        event = PasswordReset(login_id=login.login_id, reset_by=by, sessions_until=until)
        outbox.add(session, event, at=up_to, expires_at=until)
        tell(session, "password_reset", login.login_id, by, now)
        count_given(session, login.role, "password_reset")
        return NewPassword(login.login_id, seed)

    def answer(new: NewPassword) -> IssuedLogin:
        role = session.get_one(LoginRow, new.login_id).role
        return _issued(new, role, settings)

    return once(session, call, RESET_LOGIN.name, request, effect, answer, reference=NewPassword)


def reset_factor(
    request: LoginId, call: Call, session: Session, now: datetime, settings: AccountsSettings
) -> LoginView:
    """Remove the second factor of somebody who has lost it, and end their sessions.

    If their role needs one, they set up another one after their password.

    Raises:
        Forbidden: as for :func:`issue`.
        NotFound: there is no such login.
        Conflict: ``own_factor``: only a colleague resets it, or who has a shell on the server.
    """
    by = fresh_ado(session, call, now, settings)

    def effect() -> str:
        login = _lock_login(session, normalized(request.login_id))
        if login.login_id == by:
            raise Conflict("nobody resets their own second factor", code="own_factor")
        second_factor.remove(session, login.login_id)
        login.devices_void_to = logins.last_void_instant(now)
        sessions.end_all_of(session, login.login_id, now)
        tell(session, "factor_reset", login.login_id, by, now)
        count_given(session, login.role, "factor_reset")
        return login.login_id

    def answer(login_id: str) -> LoginView:
        return view_of(session, session.get_one(LoginRow, login_id), now)

    return once(session, call, RESET_FACTOR.name, request, effect, answer, reference=str)


def _void_tokens(
    session: Session, login: LoginRow, *, up_to: datetime, now: datetime, settings: AccountsSettings
) -> datetime:
    """End all sessions of a login; return until when a token of them would have been valid.

    The event about it occurs at the instant up to which tokens are void.
    """
    login.tokens_void_to = up_to
    sessions.end_all_of(session, login.login_id, now)
    gate_devices.end_sessions_on(session, login, now)
    return now + timedelta(minutes=settings.session_minutes)


def _lock_login(session: Session, login_id: str) -> LoginRow:
    """Return a login, locked.

    All ado logins are locked together, so that two of them cannot disable each other at once.

    Raises:
        NotFound: there is no such login.
    """
    known = session.get(LoginRow, login_id)
    if known is not None and known.role == "ado":
        ados = select(LoginRow.login_id).where(LoginRow.role == "ado").order_by(LoginRow.login_id)
        session.scalars(ados.with_for_update()).all()
    login = session.get(LoginRow, login_id, with_for_update=True, populate_existing=True)
    if login is None:
        raise NotFound("there is no such login")
    return login
