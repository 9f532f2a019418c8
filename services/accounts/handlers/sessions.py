"""Sessions: opened for who proved himself, ended before their time, told to gateways that start."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.errors import NotAuthenticated
from contracts.events import SessionEnded
from contracts.rpc.accounts import LOG_OUT, ApplicantSession, DeniedSessions, SessionKeys, StaffSession
from contracts.rpc.call import Call, Nothing
from services.accounts.adapters import session_tokens
from services.accounts.models import AccessSession, Login
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once
from services.chassis.runtime.settings import settings

KIOSK_MINUTES = 365 * 24 * 60
"""An enrolled kiosk stays so for a year, unless the ADO Branch disables it."""


def open_for_staff(session: Session, login: Login, at: datetime) -> AccessSession:
    """A session with the role and the scope that the login has now."""
    access = AccessSession(
        sid=uuid4(),
        kid=session_tokens.current_key(session, at).kid,
        subject=login.login_id,
        login_id=login.login_id,
        role=login.role,
        department=login.department,
        site=login.site,
        gate=login.gate,
        must_change_password=login.must_change_password,
        issued_at=at,
        expires_at=_ends(at, KIOSK_MINUTES if login.role == "kiosk" else settings().session_minutes),
    )
    session.add(access)
    return access


def open_for_applicant(
    session: Session, mobile_digest: str, mobile_sealed: str, at: datetime
) -> AccessSession:
    """A session of whoever holds the mobile."""
    access = AccessSession(
        sid=uuid4(),
        kid=session_tokens.current_key(session, at).kid,
        subject=f"applicant:{mobile_digest}",
        mobile_sealed=mobile_sealed,
        must_change_password=False,
        issued_at=at,
        expires_at=_ends(at, settings().applicant_session_minutes),
    )
    session.add(access)
    return access


def _ends(at: datetime, minutes: int) -> datetime:
    """In whole seconds, as the token says it."""
    return (at + timedelta(minutes=minutes)).replace(microsecond=0)


def staff_answer(session: Session, ref: str) -> StaffSession:
    """The answer to a log-in, from the session's row."""
    access = session.get_one(AccessSession, UUID(ref))
    assert access.role is not None
    assert access.login_id is not None
    return StaffSession(
        access_token=session_tokens.token_of(session, access),
        role=access.role,
        login_id=access.login_id,
        site=access.site,
        department=access.department,
        gate=access.gate,
        must_change_password=access.must_change_password,
        expires_at=access.expires_at,
    )


def applicant_answer(session: Session, ref: str) -> ApplicantSession:
    """The answer to a proved code, from the session's row."""
    access = session.get_one(AccessSession, UUID(ref))
    return ApplicantSession(
        access_token=session_tokens.token_of(session, access), expires_at=access.expires_at
    )


def end_all_of(session: Session, login_id: str, at: datetime) -> None:
    """Ends the sessions of a login."""
    live = (
        (AccessSession.login_id == login_id)
        & AccessSession.ended_at.is_(None)
        & (AccessSession.expires_at > at)
    )
    end(
        session,
        session.scalars(
            select(AccessSession).where(live).order_by(AccessSession.sid).with_for_update()
        ).all(),
        at,
    )


def end(session: Session, those: Sequence[AccessSession], at: datetime) -> None:
    """Ends sessions, and says each to the gateways."""
    for access in those:
        access.ended_at = at
        outbox.add(
            session,
            SessionEnded(sid=access.sid, token_expires_at=access.expires_at),
            at=at,
            expires_at=access.expires_at,
        )


def log_out(request: Nothing, call: Call, session: Session, at: datetime) -> Nothing:
    """Ends the caller's session; one that is over already stays so.

    Raises:
        NotAuthenticated: the caller has no session.
    """
    sid = call.principal.sid
    if sid is None:
        raise NotAuthenticated("there is no session to end")

    def effect() -> str:
        live = (AccessSession.sid == sid) & AccessSession.ended_at.is_(None) & (AccessSession.expires_at > at)
        end(session, session.scalars(select(AccessSession).where(live).with_for_update()).all(), at)
        return str(sid)

    return once(session, call, LOG_OUT.name, request, effect, lambda _ref: Nothing())


def session_keys(session: Session, at: datetime) -> SessionKeys:
    """The public keys; the first question makes the first key."""
    return SessionKeys(keys=session_tokens.public_keys(session, at))


def denied_sessions(session: Session, at: datetime) -> DeniedSessions:
    """What ended while its token is still unexpired."""
    ended = AccessSession.ended_at.is_not(None) & (AccessSession.expires_at > at)
    sessions = session.execute(select(AccessSession.sid, AccessSession.expires_at).where(ended))
    void = Login.tokens_void_to > at - timedelta(minutes=settings().session_minutes)
    logins = session.execute(select(Login.login_id, Login.tokens_void_to).where(void))
    return DeniedSessions(
        sessions={str(sid): expires_at for sid, expires_at in sessions},
        logins={login_id: until for login_id, until in logins if until is not None},
    )
