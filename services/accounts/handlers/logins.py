"""Logins as the ADO Branch manages them: issued, listed, disabled, reset."""

import unicodedata
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.errors import Conflict, Forbidden, InvalidInput, NotFound
from contracts.events import LoginDisabled, LoginIssued
from contracts.mobile import parse_mobile
from contracts.model import Contact
from contracts.rpc.accounts import (
    DISABLE_LOGIN,
    ISSUE_LOGIN,
    RESET_LOGIN,
    IssuedLogin,
    IssueLogin,
    LoginId,
    LoginList,
    LoginView,
)
from contracts.rpc.call import Call, Page
from services.accounts.adapters import passwords
from services.accounts.domain import logins
from services.accounts.domain.logins import Scope
from services.accounts.handlers import attempts, sessions
from services.accounts.models import Login, LoginCounter
from services.chassis.db.database import Database
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once
from services.chassis.runtime.cpu_pool import offload
from services.chassis.runtime.settings import settings


def issue_login(request: IssueLogin, call: Call, db: Database, at: datetime) -> IssuedLogin:
    """Makes a login with a one-time password, which only this answer tells.

    Raises:
        Forbidden: the caller is no enabled ``ado``.
        InvalidInput: the scope does not fit the role, or the name or the mobile is none.
    """
    _refuse_others(call)
    logins.check_scope(request.role, Scope(request.department, request.site, request.gate))
    contact = _contact(request)
    seed = uuid4()
    password_hash = offload(passwords.hashed, passwords.initial_password(seed))
    with db.transaction() as session:
        issuer = _acting_ado(session, call)

        def effect() -> str:
            login_id = _next_login_id(session, logins.prefix_of(request.role, request.department))
            session.add(_new_login(request, contact.name, login_id, password_hash, issuer, at))
            outbox.add(session, _issued(request, contact, login_id, issuer), at=at)
            return f"{login_id} {seed}"

        return once(session, call, ISSUE_LOGIN.name, request, effect, _with_initial_password)


def _new_login(
    request: IssueLogin, name: str, login_id: str, password_hash: str, issuer: str, at: datetime
) -> Login:
    return Login(
        login_id=login_id,
        role=request.role,
        name=name,
        department=request.department,
        site=request.site,
        gate=request.gate,
        password_hash=password_hash,
        must_change_password=True,
        issued_by=issuer,
        issued_at=at,
    )


def _issued(request: IssueLogin, contact: Contact, login_id: str, issuer: str) -> LoginIssued:
    return LoginIssued(
        login_id=login_id,
        role=request.role,
        site=request.site,
        department=request.department,
        issued_by=issuer,
        language=request.language,
        personal=contact,
    )


def _contact(request: IssueLogin) -> Contact:
    name = " ".join(request.name.split())
    if not name or any(unicodedata.category(sign) == "Cc" for sign in name):
        raise InvalidInput.of("name", "not_a_name")
    try:
        return Contact(name=name, mobile=None if request.mobile is None else parse_mobile(request.mobile))
    except ValueError:
        raise InvalidInput.of("mobile", "not_a_mobile") from None


def _with_initial_password(ref: str) -> IssuedLogin:
    login_id, seed = ref.split(" ")
    return IssuedLogin(login_id=login_id, initial_password=passwords.initial_password(UUID(seed)))


def _next_login_id(session: Session, prefix: str) -> str:
    counted = insert(LoginCounter).values(prefix=prefix, last=1)
    counted = counted.on_conflict_do_update(index_elements=["prefix"], set_={"last": LoginCounter.last + 1})
    return logins.login_id_of(prefix, session.scalars(counted.returning(LoginCounter.last)).one())


def list_logins(request: Page, call: Call, session: Session) -> LoginList:
    """A page of logins by id; ``next`` is the last id of this page where there are more.

    Raises:
        Forbidden: as :func:`issue_login`.
    """
    _acting_ado(session, call)
    page = (
        select(Login)
        .where(Login.login_id > logins.as_typed(request.after or ""))
        .order_by(Login.login_id)
        .limit(request.limit + 1)
    )
    found = session.scalars(page).all()
    shown = found[: request.limit]
    return LoginList(
        items=tuple(_view(login) for login in shown),
        next=shown[-1].login_id if len(found) > len(shown) else None,
    )


def disable_login(request: LoginId, call: Call, session: Session, at: datetime) -> LoginView:
    """Ends a login and its sessions; one that is disabled already stays as it is.

    Raises:
        Forbidden: as :func:`issue_login`.
        NotFound: there is no such login.
        Conflict: ``last_ado``, since then nobody could issue logins any more.
    """
    by = _acting_ado(session, call)

    def effect() -> str:
        login = _locked(session, logins.as_typed(request.login_id))
        if login.disabled_at is None:
            _refuse_last_ado(session, login)
            login.disabled_at, login.disabled_by = at, by
            _void_tokens(session, login, by, up_to=at, at=at)
        return login.login_id

    return once(
        session, call, DISABLE_LOGIN.name, request, effect, lambda ref: _view(session.get_one(Login, ref))
    )


def _refuse_last_ado(session: Session, login: Login) -> None:
    if login.role != "ado":
        return
    enabled = select(Login.login_id).where(
        Login.role == "ado", Login.disabled_at.is_(None), Login.login_id != login.login_id
    )
    if session.scalars(enabled.limit(1)).first() is None:
        raise Conflict("the last enabled login of the ADO Branch cannot be disabled", code="last_ado")


def reset_login(request: LoginId, call: Call, db: Database, at: datetime) -> IssuedLogin:
    """Gives a login a new one-time password and ends its sessions.

    Raises:
        Forbidden: as :func:`issue_login`.
        NotFound: there is no such login.
        Conflict: ``login_disabled``; who comes back gets a new login.
    """
    _refuse_others(call)
    seed = uuid4()
    password_hash = offload(passwords.hashed, passwords.initial_password(seed))
    with db.transaction() as session:
        by = _acting_ado(session, call)

        def effect() -> str:
            login = _locked(session, logins.as_typed(request.login_id))
            if login.disabled_at is not None:
                raise Conflict("a disabled login is not reset", code="login_disabled")
            login.password_hash, login.must_change_password = password_hash, True
            attempts.forget_failures(session, login.login_id)
            _void_tokens(session, login, by, up_to=logins.last_void_instant(at), at=at)
            return f"{login.login_id} {seed}"

        return once(session, call, RESET_LOGIN.name, request, effect, _with_initial_password)


def _void_tokens(session: Session, login: Login, by: str, *, up_to: datetime, at: datetime) -> None:
    """Ends all sessions. The event's time is the instant up to which tokens are void."""
    login.tokens_void_to = up_to
    sessions.end_all_of(session, login.login_id, at)
    until = at + timedelta(minutes=settings().session_minutes)
    outbox.add(
        session,
        LoginDisabled(login_id=login.login_id, disabled_by=by, sessions_until=until),
        at=up_to,
        expires_at=until,
    )


def _locked(session: Session, login_id: str) -> Login:
    """The login, locked. Ado logins are locked all together, so that two of them cannot disable each other at once."""
    known = session.get(Login, login_id)
    if known is not None and known.role == "ado":
        session.scalars(
            select(Login.login_id).where(Login.role == "ado").order_by(Login.login_id).with_for_update()
        ).all()
    login = session.get(Login, login_id, with_for_update=True, populate_existing=True)
    if login is None:
        raise NotFound("there is no such login")
    return login


def _refuse_others(call: Call) -> None:
    if call.principal.role != "ado":
        raise Forbidden("only the ADO Branch manages logins")


def _acting_ado(session: Session, call: Call) -> str:
    """The login id of the caller, an ``ado`` whose login is enabled and has a password of its own."""
    _refuse_others(call)
    login = session.get(Login, call.principal.login_id or "")
    if login is None or login.role != "ado" or login.disabled_at is not None or login.must_change_password:
        raise Forbidden("only an enabled login of the ADO Branch manages logins")
    return login.login_id


def _view(login: Login) -> LoginView:
    return LoginView(
        login_id=login.login_id,
        role=login.role,
        name=login.name,
        department=login.department,
        site=login.site,
        gate=login.gate,
        disabled=login.disabled_at is not None,
        must_change_password=login.must_change_password,
        issued_by=login.issued_by,
        issued_at=login.issued_at,
        last_used_at=login.last_used_at,
    )
