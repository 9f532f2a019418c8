"""Who is told that access was given or taken: the holder of a login, and the other logins of the ADO Branch.

So a thief of one login does not give themselves another unseen. Only those are told whose number accounts
has: of logins that were issued before it kept numbers, and of those without a mobile, nobody is.
"""

from datetime import datetime
from uuid import NAMESPACE_OID, uuid5

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from contracts.events import AccessChanged
from contracts.model import AccessChange, Contact, Role
from services.accounts.domain.logins import today_of
from services.accounts.metrics import ADO_ACCESS, OFFICER_ACCESS, OFFICERS
from services.accounts.models import LoginRow
from services.chassis.db.database import after_commit, personal_keys_of
from services.chassis.messaging import outbox


def seal_mobile(session: Session, login_id: str, mobile: str | None) -> str | None:
    """Return what is stored of the mobile of a login: sealed under the personal keys."""
    if mobile is None:
        return None
    return personal_keys_of(session).seal(uuid5(NAMESPACE_OID, login_id), {"mobile": mobile})


def count_given(session: Session, role: Role, what: str) -> None:
    """Count that a login was given or given back to somebody where operations hear of each.

    That is one of the ADO Branch, which gives itself every other, and one of an officer who reads what no
    other role reads.
    """
    if role == "ado":
        after_commit(session, ADO_ACCESS.labels(what).inc)
    if role in OFFICERS:
        after_commit(session, OFFICER_ACCESS.labels(role, what).inc)


def tell(
    session: Session,
    what: AccessChange,
    login_id: str,
    by: str,
    now: datetime,
    *,
    holder: bool = True,
    colleagues: bool = True,
) -> None:
    """Publish `AccessChanged` once for each person who should know.

    Args:
        login_id: to which login; of a file or a rule, whose decision it was.
        holder: whether the holder of the login is told, also of what they did themselves.
        colleagues: whether the other logins of the ADO Branch are, but for the one who did it.
    """
    chosen = []
    if holder:
        chosen.append(LoginRow.login_id == login_id)
    if colleagues:
        is_ado = (LoginRow.role == "ado") & LoginRow.is_usable(today_of(now))
        chosen.append(is_ado & LoginRow.login_id.not_in((by, login_id)))
    reached = select(LoginRow).where(or_(*chosen), LoginRow.mobile_sealed.is_not(None))
    for login in session.scalars(reached.order_by(LoginRow.login_id)):
        assert login.mobile_sealed is not None
        key = uuid5(NAMESPACE_OID, login.login_id)
        mobile = str(personal_keys_of(session).open(key, login.mobile_sealed)["mobile"])
        event = AccessChanged(
            login_id=login_id,
            what=what,
            changed_by=by,
            language=login.language or "en",
            personal=Contact(name=login.name, mobile=mobile),
        )
        outbox.add(session, event, at=now)
