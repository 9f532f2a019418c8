"""The second factor of a login: asked for after its password, and set up in a sign-in.

A sign-in whose password was right is no session. It is a row that waits for a code, and its token opens
nothing else, so no other service has to know of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from contracts.errors import Forbidden, InvalidInput, NotAuthenticated
from contracts.rpc.accounts.second_factor import (
    ENROL_FACTOR,
    ENTER_CODE,
    Enrolled,
    Enrolment,
    EnterCode,
    SignInToken,
)
from contracts.rpc.accounts.sessions import StaffSession
from contracts.rpc.call import Call
from contracts.second_factor import FRESH, is_fresh
from services.accounts.adapters import device_tokens, second_factors
from services.accounts.adapters.device_tokens import Device, id_of
from services.accounts.adapters.keys import sealed_box
from services.accounts.domain.logins import today_of
from services.accounts.domain.second_factor import AT_ONCE, SIGN_IN_LASTS, SignInPurpose, accepted_steps
from services.accounts.handlers import attempts, gate_devices, sessions
from services.accounts.handlers.access_messages import tell
from services.accounts.handlers.attempts import Source
from services.accounts.models import (
    FactorRuleRow,
    LoginRow,
    RecoveryCodeRow,
    SecondFactorRow,
    SessionRow,
    SignInRow,
)
from services.accounts.settings import FACTOR_ROLES, FIRST_ROLES, AccountsSettings
from services.chassis.audit import record
from services.chassis.db.database import Database
from services.chassis.rpc.idempotency import once

NO_STEP = -1


@dataclass(frozen=True)
class NewFactor:
    """A session that was opened with a new app, and the seed of its recovery codes."""

    sid: UUID
    seed: UUID


def required_roles(session: Session, settings: AccountsSettings) -> Sequence[str]:
    """Return the roles whose logins need a second factor; of a rule also those that came after it."""
    rule = session.execute(select(FactorRuleRow.roles, FactorRuleRow.offered)).one_or_none()
    if rule is None:
        return settings.factor_roles
    offered = FIRST_ROLES if rule.offered is None else rule.offered
    return [*rule.roles, *(role for role in FACTOR_ROLES if role not in {*offered, *rule.roles})]


def wait_for_factor(
    session: Session, login: LoginRow, now: datetime, settings: AccountsSettings
) -> SignInRow | None:
    """Return a sign-in that waits for the second factor of a login; None if it has none and needs none."""
    if session.get(SecondFactorRow, login.login_id) is not None:
        return start_sign_in(session, login.login_id, "code", now)
    if login.role in required_roles(session, settings):
        return start_sign_in(session, login.login_id, "enrol", now)
    return None


def start_sign_in(session: Session, login_id: str, purpose: SignInPurpose, now: datetime) -> SignInRow:
    """Store a sign-in that waits for a code."""
    row = SignInRow(id=uuid4(), login_id=login_id, purpose=purpose, made_at=now)
    session.add(row)
    return row


def require_fresh(
    session: Session, call: Call, now: datetime, settings: AccountsSettings, *, at_once: bool = False
) -> None:
    """Raise an error unless the caller has shown their second factor within five minutes.

    Both the session token, which accounts has signed, and the open row of the session must say so. Who
    neither has nor needs a second factor goes on.

    Args:
        at_once: whether it has to be shown for this alone: after the sign-in, and within a minute. Otherwise
            who finds a browser after a sign-in would set up an app of their own.

    Raises:
        Forbidden: ``second_factor_stale``; or ``second_factor_missing``, if one has to be set up first.
        NotAuthenticated: ``session_ended``.
    """
    principal = call.principal
    factor = None if principal.login_id is None else session.get(SecondFactorRow, principal.login_id)
    if factor is not None:
        own = (SessionRow.sid == principal.sid) & (SessionRow.login_id == principal.login_id)
        row = session.scalar(select(SessionRow).where(own, sessions.is_live(now)))
        if row is None:
            raise NotAuthenticated("the session has ended", code="session_ended")
        shown = None
        if row.factor_at is not None and row.factor_at >= factor.enrolled_at:
            shown = row.factor_at.timestamp()
        if at_once and row.factor_at == row.issued_at:
            shown = None
        lasts = AT_ONCE if at_once else FRESH
        if not is_fresh(principal.factor_at, now, lasts) or not is_fresh(shown, now, lasts):
            raise Forbidden("show the second factor again", code="second_factor_stale")
    elif principal.role in required_roles(session, settings):
        raise Forbidden("this login has to set up a second factor", code="second_factor_missing")


def refusal(row: SignInRow, settings: AccountsSettings) -> NotAuthenticated:
    """Return the answer to a right password that is not enough."""
    token = second_factors.token_of(row.id, settings.password_secret)
    if row.purpose == "code":
        return NotAuthenticated("the second factor is needed", code="second_factor_required", sign_in=token)
    return NotAuthenticated(
        "this login has to set up a second factor", code="second_factor_missing", sign_in=token
    )


def enter_code(
    request: EnterCode, call: Call, db: Database, now: datetime, settings: AccountsSettings
) -> StaffSession:
    """Open a session for a sign-in and the code of an app, or a recovery code. Each code works once.

    Raises:
        NotAuthenticated: ``sign_in_ended``; the password has to be typed again.
        InvalidInput: field ``code`` with ``wrong_code``.
        TooManyAttempts: too many codes were wrong; this one was not checked.
    """
    with db.transaction() as session:
        waiting = _find(session, request, settings)
        record.note_object(waiting.login_id)
        device, source = _source(session, waiting.login_id, request, call, now, settings)

        def effect() -> UUID:
            login = _lock(session, waiting, now)
            if waiting.purpose != "code":
                raise _ended()
            use_code(session, login.login_id, request.code, now, settings)
            attempts.forget_failures(session, account_of(login.login_id), settings, source)
            waiting.ended_at = login.last_used_at = now
            return sessions.open_for_staff(session, login, now, settings, factor_at=now)

        def answer(sid: UUID) -> StaffSession:
            return sessions.staff_answer(session, sid, settings, device)

        def attempt() -> StaffSession:
            return once(session, call, ENTER_CODE.name, request, effect, answer, reference=UUID)

        outcome = attempts.count(session, account_of(waiting.login_id), source, now, settings, attempt)
    return attempts.raised(outcome)


def show_enrolment(
    request: SignInToken, session: Session, now: datetime, settings: AccountsSettings
) -> Enrolment:
    """Return what the app that is set up in a sign-in needs to know.

    Raises:
        NotAuthenticated: ``sign_in_ended``.
    """
    waiting = _find(session, request, settings)
    if not _waits(waiting, now) or waiting.purpose == "code":
        raise _ended()
    secret = second_factors.new_secret(waiting.id, settings.password_secret)
    return Enrolment(
        login_id=waiting.login_id,
        secret=secret,
        address=second_factors.address(secret, waiting.login_id, settings.issuer),
    )


def enrol(
    request: EnterCode, call: Call, db: Database, now: datetime, settings: AccountsSettings
) -> Enrolled:
    """Set up an app by its first code, end the sessions of the login, and open a new one.

    An app and recovery codes that the login had before work no more.

    Raises:
        NotAuthenticated: ``sign_in_ended``.
        InvalidInput: field ``code`` with ``wrong_code``.
        TooManyAttempts: too many codes were wrong.
    """
    with db.transaction() as session:
        waiting = _find(session, request, settings)
        record.note_object(waiting.login_id)
        device, source = _source(session, waiting.login_id, request, call, now, settings)

        def effect() -> NewFactor:
            login = _lock(session, waiting, now)
            had = session.get(SecondFactorRow, login.login_id)
            if waiting.purpose == "code" or (waiting.purpose == "enrol" and had is not None):
                raise _ended()
            secret = second_factors.new_secret(waiting.id, settings.password_secret)
            step = second_factors.matching_step(secret, request.code, accepted_steps(now, NO_STEP))
            if step is None:
                raise InvalidInput.of("code", "wrong_code")
            remove(session, login.login_id)
            factor = SecondFactorRow(
                login_id=login.login_id,
                secret_sealed=sealed_box(settings).seal(secret.encode()),
                enrolled_at=now,
                last_step=step,
            )
            session.add(factor)
            seed = new_recovery_codes(session, login.login_id, settings)
            login.last_used_at = now
            tell(session, "factor_set_up", login.login_id, login.login_id, now, colleagues=had is None)
            sessions.end_all_of(session, login.login_id, now)
            return NewFactor(sessions.open_for_staff(session, login, now, settings, factor_at=now), seed)

        def answer(new: NewFactor) -> Enrolled:
            return Enrolled(
                session=sessions.staff_answer(session, new.sid, settings, device),
                recovery_codes=second_factors.recovery_codes(new.seed, settings.password_secret),
            )

        def attempt() -> Enrolled:
            return once(session, call, ENROL_FACTOR.name, request, effect, answer, reference=NewFactor)

        outcome = attempts.count(session, account_of(waiting.login_id), source, now, settings, attempt)
    return attempts.raised(outcome)


def remove(session: Session, login_id: str) -> None:
    """Remove the second factor of a login, with its recovery codes."""
    session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.login_id == login_id))
    session.execute(delete(SecondFactorRow).where(SecondFactorRow.login_id == login_id))


def new_recovery_codes(session: Session, login_id: str, settings: AccountsSettings) -> UUID:
    """Replace the recovery codes of a login, and return the seed from which they are derived."""
    seed = uuid4()
    session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.login_id == login_id))
    for code in second_factors.recovery_codes(seed, settings.password_secret):
        digest = second_factors.recovery_digest(login_id, code, settings.password_secret)
        session.add(RecoveryCodeRow(digest=digest, login_id=login_id))
    return seed


def use_code(session: Session, login_id: str, typed: str, now: datetime, settings: AccountsSettings) -> None:
    """Accept a code once: of an app, each time step; of recovery codes, each code.

    Raises:
        InvalidInput: ``wrong_code``, whichever of the two it was meant to be.
    """
    factor = session.get_one(SecondFactorRow, login_id, with_for_update=True)
    secret = sealed_box(settings).open(factor.secret_sealed).decode()
    step = second_factors.matching_step(secret, typed, accepted_steps(now, factor.last_step))
    digest = second_factors.recovery_digest(login_id, typed, settings.password_secret)
    unused = (RecoveryCodeRow.digest == digest) & RecoveryCodeRow.used_at.is_(None)  # it names the login
    recovery = session.scalar(select(RecoveryCodeRow).where(unused))
    if step is not None:
        factor.last_step = step
    elif recovery is not None:
        recovery.used_at = now
        tell(session, "recovery_code_used", login_id, login_id, now, colleagues=False)
    else:
        raise InvalidInput.of("code", "wrong_code")


def account_of(login_id: str) -> str:
    """Return the name under which wrong codes are counted. Nobody can type it in the place of a login.

    Only who knows the password gets so far, so that a stranger cannot make its holder wait here either.
    """
    return f"code of {login_id}"


def _find(session: Session, request: SignInToken, settings: AccountsSettings) -> SignInRow:
    """Return the sign-in of a token, whether or not it has ended: a repeated command needs it, too."""
    sign_in = second_factors.sign_in_of(request.sign_in, settings.password_secret)
    found = None if sign_in is None else session.get(SignInRow, sign_in)
    if found is None:
        raise _ended()
    return found


def _lock(session: Session, waiting: SignInRow, now: datetime) -> LoginRow:
    """Return the login of a sign-in that still waits, locked.

    Raises:
        NotAuthenticated: ``sign_in_ended``.
    """
    usable = (LoginRow.login_id == waiting.login_id) & LoginRow.is_usable(today_of(now))
    login = session.scalar(select(LoginRow).where(usable).with_for_update())
    session.refresh(waiting)
    if login is None or not _waits(waiting, now):
        raise _ended()
    return login


def _waits(waiting: SignInRow, now: datetime) -> bool:
    return waiting.ended_at is None and now < waiting.made_at + SIGN_IN_LASTS


def _source(
    session: Session,
    login_id: str,
    request: EnterCode,
    call: Call,
    now: datetime,
    settings: AccountsSettings,
) -> tuple[Device | None, Source]:
    """Return the device that the login knows, if it does, and where the code comes from."""
    login = session.get_one(LoginRow, login_id)
    known = device_tokens.find(request.devices, login_id, now, settings.password_secret, login.strangers_to)
    here = id_of(known) or gate_devices.used_by(login, request.devices, session, now, settings)
    return known, Source(call.address, here)


def _ended() -> NotAuthenticated:
    return NotAuthenticated("type the password again", code="sign_in_ended")
