"""Sessions: opened for people who proved who they are, ended early, and published to gateways."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from contracts.errors import Conflict, Forbidden, NotAuthenticated
from contracts.events import SessionEnded
from contracts.model import DEVICE_ROLES
from contracts.rpc.accounts.sessions import (
    END_OWN_SESSIONS,
    LOG_OUT,
    RENEW_KIOSK,
    ApplicantSession,
    DeniedSessions,
    EndedOwnSessions,
    EndOwnSessions,
    OwnSession,
    OwnSessions,
    SessionKeys,
    StaffSession,
)
from contracts.rpc.call import Call, Nothing
from contracts.tokens import SESSION_KEY_TYP, SessionKeyClaims
from services.accounts.adapters import device_tokens
from services.accounts.adapters.device_tokens import Device
from services.accounts.adapters.keys import key_store
from services.accounts.adapters.session_tokens import token_of
from services.accounts.domain.logins import end_of, today_of
from services.accounts.models import LoginRow, SessionRow, SignInRow
from services.accounts.settings import AccountsSettings
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once
from services.chassis.runtime.logs import logger

log = logger(__name__)
DEVICE_MINUTES = 365 * 24 * 60
"""A session of a device lasts a year, unless the ADO Branch disables its login."""
RENEWABLE = timedelta(days=60)
"""Within so long before its end a device may renew its session."""
LONGEST_ENROLMENT = timedelta(days=3 * 365)
"""So long after its token was used a device needs another one: a copied cookie is not renewed for ever."""


def open_for_staff(
    session: Session,
    login: LoginRow,
    now: datetime,
    settings: AccountsSettings,
    factor_at: datetime | None = None,
) -> UUID:
    """Open a session with the role and the scope that the login has now, and return its ``sid``.

    It ends at the latest with the login. Of too many at once the longest unused ones end.

    Args:
        login: whose session it is.
        factor_at: when the holder has shown their second factor; None if they have none.
    """
    minutes = DEVICE_MINUTES if login.role in DEVICE_ROLES else settings.session_minutes
    end = _end(now, minutes)
    if login.enrolled_at is not None:
        end = min(end, _end_of_enrolment(login.enrolled_at))
    row = SessionRow(
        sid=uuid4(),
        kid=key_store(settings).current(session, now).kid,
        subject=login.login_id,
        login_id=login.login_id,
        role=login.role,
        department=login.department,
        site=login.site,
        gate=login.gate,
        assistant_of=login.assistant_of,
        must_change_password=login.must_change_password,
        issued_at=now,
        expires_at=end if login.valid_until is None else min(end, end_of(login.valid_until)),
        factor_at=factor_at,
    )
    if login.role not in DEVICE_ROLES and settings.most_sessions is not None:
        _make_room(session, login.login_id, settings.most_sessions - 1, now)
    session.add(row)
    return row.sid


def _make_room(session: Session, login_id: str, kept: int, now: datetime) -> None:
    """End the open sessions of a login but those that were used last. Its row is locked."""
    used_at = func.coalesce(SessionRow.last_used_at, SessionRow.issued_at)
    own = select(SessionRow.sid).where(SessionRow.login_id == login_id, is_live(now))
    surplus = session.scalars(own.order_by(used_at.desc(), SessionRow.issued_at.desc()).offset(kept)).all()
    if surplus:
        end_live(session, SessionRow.sid.in_(surplus), now)
        log.info("sessions ended for a newer one", login_id=login_id, ended=len(surplus))


def open_for_applicant(
    session: Session, mobile_digest: str, mobile_sealed: str, now: datetime, settings: AccountsSettings
) -> UUID:
    """Open a session for the holder of a mobile, and return its ``sid``."""
    row = SessionRow(
        sid=uuid4(),
        kid=key_store(settings).current(session, now).kid,
        subject=f"applicant:{mobile_digest}",
        mobile_sealed=mobile_sealed,
        must_change_password=False,
        issued_at=now,
        expires_at=_end(now, settings.applicant_session_minutes),
    )
    session.add(row)
    return row.sid


def _end_of_enrolment(enrolled_at: datetime) -> datetime:
    return (enrolled_at + LONGEST_ENROLMENT).replace(microsecond=0)


def _end(now: datetime, minutes: int) -> datetime:
    """Return the end of a session in whole seconds, as its token has it."""
    return (now + timedelta(minutes=minutes)).replace(microsecond=0)


def staff_answer(
    session: Session, sid: UUID, settings: AccountsSettings, known: Device | None = None
) -> StaffSession:
    """Return the answer to a log-in, from the row of the session.

    Args:
        sid: the session that was opened.
        known: the device on which it was opened, if the login knew it.
    """
    row = session.get_one(SessionRow, sid)
    assert row.role is not None
    assert row.login_id is not None
    device = device_tokens.renewed(known, sid, row.login_id, row.issued_at, settings.password_secret)
    return StaffSession.from_attributes(
        row,
        access_token=token_of(row, session, settings),
        device=None if row.role in DEVICE_ROLES else device,
    )


def applicant_answer(session: Session, sid: UUID, settings: AccountsSettings) -> ApplicantSession:
    """Return the answer to a right code, from the row of the session."""
    row = session.get_one(SessionRow, sid)
    device = device_tokens.make(sid, row.subject, row.issued_at, settings.otp_secret)
    return ApplicantSession(
        access_token=token_of(row, session, settings), expires_at=row.expires_at, device=device.token
    )


def end_all_of(session: Session, login_id: str, now: datetime) -> int:
    """End the sessions of a login, and sign-ins that wait for a code; return how many sessions there were."""
    _end_sign_ins(session, SignInRow.login_id == login_id, now)
    return end_live(session, SessionRow.login_id == login_id, now)


def _end_sign_ins(session: Session, condition: ColumnElement[bool], now: datetime) -> None:
    waiting = condition & SignInRow.ended_at.is_(None)
    session.execute(update(SignInRow).where(waiting).values(ended_at=now))


def _end_enrolments(session: Session, call: Call, now: datetime) -> None:
    """End what the caller has begun to set up: whoever sits down at their desk next must not finish it.

    It locks the login, as beginning does, so that none begins meanwhile.
    """
    login_id = call.principal.login_id
    if call.principal.kind == "staff" and login_id is not None:
        session.get(LoginRow, login_id, with_for_update=True)
        mine = (SignInRow.login_id == login_id) & SignInRow.purpose.in_(("enrol", "replace"))
        _end_sign_ins(session, mine, now)


def end_later_than(session: Session, login_id: str, end: datetime, now: datetime) -> None:
    """End the sessions of a login that would outlive it. Whoever uses them signs in once more."""
    end_live(session, (SessionRow.login_id == login_id) & (SessionRow.expires_at > end), now)


def is_live(now: datetime) -> ColumnElement[bool]:
    """Return the condition that a session is open."""
    return SessionRow.ended_at.is_(None) & (SessionRow.expires_at > now)


def lock_own(session: Session, call: Call, now: datetime) -> SessionRow:
    """Return the session of a staff caller, with its login locked first, as who ends sessions locks them.

    A token says what was so when it was made. The row says whether the session is open now.

    Raises:
        NotAuthenticated: ``session_ended``.
    """
    session.get(LoginRow, call.principal.login_id, with_for_update=True)
    own = (SessionRow.sid == call.principal.sid) & (SessionRow.login_id == call.principal.login_id)
    locked = select(SessionRow).where(own, is_live(now)).with_for_update()
    row = session.scalar(locked.execution_options(populate_existing=True))
    if row is None:
        raise NotAuthenticated("the session has ended", code="session_ended")
    return row


def end_live(session: Session, condition: ColumnElement[bool], now: datetime, rows: int | None = None) -> int:
    """End the live sessions that meet a condition, publish SessionEnded for each, and count them.

    With a number of ``rows`` end no more than these, and leave those that somebody else has locked.
    """
    found = select(SessionRow).where(condition, is_live(now)).order_by(SessionRow.sid).limit(rows)
    live = session.scalars(found.with_for_update(skip_locked=rows is not None)).all()
    for row in live:
        row.ended_at = now
        event = SessionEnded(sid=row.sid, token_expires_at=row.expires_at)
        outbox.add(session, event, at=now, expires_at=row.expires_at)
    return len(live)


def log_out(request: Nothing, call: Call, session: Session, now: datetime) -> Nothing:
    """End the caller's session, and what they have begun to set up. What is over already stays as it is.

    Raises:
        NotAuthenticated: the caller has no session.
    """
    sid = call.principal.sid
    if sid is None:
        raise NotAuthenticated("there is no session to end")

    def effect() -> UUID:
        _end_enrolments(session, call, now)
        end_live(session, SessionRow.sid == sid, now)
        return sid

    return once(session, call, LOG_OUT.name, request, effect, lambda _sid: Nothing(), reference=UUID)


def own(call: Call, session: Session, now: datetime, settings: AccountsSettings) -> OwnSessions:
    """Return the open sessions of the caller, the newest first.

    Raises:
        NotAuthenticated: the caller has no session.
    """
    mine = SessionRow.subject == _subject(call)
    rows = session.scalars(
        select(SessionRow).where(mine, is_live(now)).order_by(SessionRow.issued_at.desc(), SessionRow.sid)
    )
    return OwnSessions(
        items=tuple(
            OwnSession.from_attributes(
                row,
                opened_at=row.issued_at,
                second_factor=row.factor_at is not None,
                is_this=row.sid == call.principal.sid,
            )
            for row in rows
        ),
        most=settings.most_sessions if call.principal.kind == "staff" else None,
    )


def end_own(request: EndOwnSessions, call: Call, session: Session, now: datetime) -> EndedOwnSessions:
    """End one session of the caller, or all but the one that asks, and what they have begun to set up.

    What is over already stays as it is.

    Raises:
        NotAuthenticated: the caller has no session.
    """
    mine = SessionRow.subject == _subject(call)
    which = SessionRow.sid != call.principal.sid if request.sid is None else SessionRow.sid == request.sid

    def effect() -> EndedOwnSessions:
        _end_enrolments(session, call, now)
        sids = session.scalars(select(SessionRow.sid).where(mine, which, is_live(now))).all()
        end_live(session, SessionRow.sid.in_(sids), now)
        return EndedOwnSessions(sids=tuple(sids))

    return once(
        session, call, END_OWN_SESSIONS.name, request, effect, lambda ended: ended, reference=EndedOwnSessions
    )


def _subject(call: Call) -> str:
    """Return whose sessions are the caller's own: a login's, or a mobile's."""
    if call.principal.sid is None:
        raise NotAuthenticated("there is no session")
    return call.principal.id


def renew_kiosk(
    request: Nothing, call: Call, session: Session, now: datetime, settings: AccountsSettings
) -> StaffSession:
    """Open the next session of a device for another year, near the end of the one that asks.

    The old one stays valid until it ends, because the answer may not reach the device. Three years after its
    token was used no session goes on: then the ADO Branch gives the device another token.

    Raises:
        Forbidden: the caller is no device.
        NotAuthenticated: its session or its login has ended.
        Conflict: ``too_early``; or ``enrolment_over``.
    """
    if call.principal.role not in DEVICE_ROLES:
        raise Forbidden("only a device renews its enrolment")

    def effect() -> UUID:
        own = session.scalar(select(SessionRow).where(SessionRow.sid == call.principal.sid, is_live(now)))
        usable = (LoginRow.login_id == call.principal.login_id) & LoginRow.is_usable(today_of(now))
        login = session.scalar(select(LoginRow).where(usable).with_for_update())
        if own is None or login is None or own.login_id != login.login_id:
            raise NotAuthenticated("this device is not enrolled any more")
        if own.expires_at > now + RENEWABLE:
            raise Conflict("this enrolment lasts long enough", code="too_early")
        if login.enrolled_at is None or own.expires_at >= _end_of_enrolment(login.enrolled_at):
            raise Conflict("this device needs another token", code="enrolment_over")
        return open_for_staff(session, login, now, settings)

    def answer(sid: UUID) -> StaffSession:
        return staff_answer(session, sid, settings)

    return once(session, call, RENEW_KIOSK.name, request, effect, answer, reference=UUID)


def keys(session: Session, now: datetime, settings: AccountsSettings) -> SessionKeys:
    """Return the public keys. The first call makes the first key.

    The certificate of each is the same one for an hour, and good for a day, however long the key is ours.
    """
    keys, certificates = key_store(settings).published(session, now), {}
    ends = int(now.timestamp()) // 3600 * 3600 + 25 * 3600
    for key in keys:
        claims = SessionKeyClaims(exp=ends, kid=key.kid, x=key.x, issuer=settings.issuer)
        certificates[key.kid] = settings.signing_key.sign(claims.model_dump(), SESSION_KEY_TYP)
    return SessionKeys(keys=keys, certificates=certificates)


def denied(session: Session, now: datetime, settings: AccountsSettings) -> DeniedSessions:
    """Return the sessions and logins that ended and whose tokens have not expired yet."""
    ended = SessionRow.ended_at.is_not(None) & (SessionRow.expires_at > now)
    sessions = session.execute(select(SessionRow.sid, SessionRow.expires_at).where(ended))
    void = LoginRow.tokens_void_to > now - timedelta(minutes=settings.session_minutes)
    logins = session.execute(select(LoginRow.login_id, LoginRow.tokens_void_to).where(void))
    return DeniedSessions(
        sessions={str(sid): expires_at for sid, expires_at in sessions},
        logins={login_id: until for login_id, until in logins if until is not None},
    )
