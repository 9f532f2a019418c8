"""Logins as the ADO Branch and the colleagues of a department see them."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from contracts.errors import Forbidden, NotFound
from contracts.login_ids import normalized
from contracts.model import LoginState
from contracts.rpc.accounts.logins import (
    Colleague,
    ColleagueList,
    LoginId,
    LoginIds,
    LoginList,
    LoginPlace,
    LoginPlaces,
    LoginQuestion,
    LoginView,
)
from contracts.rpc.call import Call
from services.accounts.domain import logins
from services.accounts.handlers import sessions
from services.accounts.handlers.authorization import acting_ado
from services.accounts.models import LoginRow, SecondFactorRow, SessionRow


def list_page(request: LoginQuestion, call: Call, session: Session, now: datetime) -> LoginList:
    """Return a page of logins by id. ``next`` is the last id of this page if there are more logins.

    Logins are listed by their id alone, so the id is the cursor; `db/cursors.py` is for lists by time.

    Raises:
        Forbidden: as `acting_ado`.
    """
    acting_ado(session, call, now)
    states = _states(logins.today_of(now))
    places = {"role": request.role, "department": request.department, "site": request.site}
    filters = [getattr(LoginRow, name) == value for name, value in places.items() if value is not None]
    numbers = [func.count().filter(condition) for condition in states.values()]
    counts = session.execute(select(*numbers).select_from(LoginRow).where(*filters)).one()
    if request.state is not None:
        filters.append(states[request.state])
    after = LoginRow.login_id > normalized(request.after or "")
    query = select(LoginRow).where(after, *filters).order_by(LoginRow.login_id).limit(request.limit + 1)
    found = session.scalars(query).all()
    page = found[: request.limit]
    return LoginList(
        items=_views(session, page, now),
        next=page[-1].login_id if len(found) > len(page) else None,
        counts=dict(zip(states, counts, strict=True)),
    )


def _states(today: date) -> dict[LoginState, ColumnElement[bool]]:
    """Return the condition of each state; it agrees with `LoginRow.state_on`."""
    usable, used = LoginRow.is_usable(today), LoginRow.last_used_at.is_not(None)
    return {
        "active": usable & used,
        "never_used": usable & ~used,
        "expired": LoginRow.disabled_at.is_(None) & (LoginRow.valid_until < today),
        "disabled": LoginRow.disabled_at.is_not(None),
    }


def view(request: LoginId, call: Call, session: Session, now: datetime) -> LoginView:
    """Return one login.

    Raises:
        Forbidden: as `acting_ado`.
        NotFound: there is no such login.
    """
    acting_ado(session, call, now)
    login = session.get(LoginRow, normalized(request.login_id))
    if login is None:
        raise NotFound("there is no such login")
    return view_of(session, login, now)


def colleagues(call: Call, session: Session, now: datetime) -> ColleagueList:
    """Return the enabled logins of the caller's department, by ID.

    Raises:
        Forbidden: the caller is not of a department.
    """
    department = call.principal.department
    if call.principal.role != "department" or department is None:
        raise Forbidden("this is for logins of a department")
    own = (LoginRow.role == "department") & (LoginRow.department == department)
    query = select(LoginRow).where(own, LoginRow.is_usable(logins.today_of(now))).order_by(LoginRow.login_id)
    return ColleagueList(items=tuple(map(Colleague.from_attributes, session.scalars(query))))


def places(request: LoginIds, call: Call, session: Session) -> LoginPlaces:
    """Return where some logins work, without their names.

    Raises:
        Forbidden: the principal is neither an auditor nor an applicant, who is told which offices have seen
            their data, nor the data officer, who tells it to them.
    """
    if call.principal.role not in ("auditor", "privacy") and call.principal.kind != "applicant":
        raise Forbidden("this is for auditors")
    rows = session.scalars(select(LoginRow).where(LoginRow.login_id.in_(request.login_ids)))
    return LoginPlaces(items=tuple(map(LoginPlace.from_attributes, rows)))


def view_of(session: Session, login: LoginRow, now: datetime) -> LoginView:
    """Return a login as the ADO Branch sees it."""
    return _views(session, [login], now)[0]


def _views(session: Session, rows: Sequence[LoginRow], now: datetime) -> tuple[LoginView, ...]:
    """Return logins as the ADO Branch sees them, each with its app and the number of its open sessions."""
    ids = [login.login_id for login in rows]
    of_them = SessionRow.login_id.in_(ids)
    numbers = select(SessionRow.login_id, func.count()).where(of_them, sessions.is_live(now))
    open_sessions = dict(session.execute(numbers.group_by(SessionRow.login_id)).all())
    factor = SecondFactorRow
    apps = select(factor.login_id, factor.enrolled_at).where(factor.login_id.in_(ids))
    since = dict(session.execute(apps).all())
    today = logins.today_of(now)
    return tuple(
        LoginView.from_attributes(
            login,
            state=login.state_on(today),
            sessions=open_sessions.get(login.login_id, 0),
            second_factor_since=since.get(login.login_id),
            has_mobile=login.mobile_sealed is not None,
            disabled=login.disabled_at is not None,
        )
        for login in rows
    )
