"""The second factor of whoever has signed in: shown again, and changed by themselves."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from contracts.errors import Conflict, Forbidden, NotAuthenticated
from contracts.rpc.accounts.second_factor import (
    CONFIRM_FACTOR,
    RENEW_RECOVERY_CODES,
    START_ENROLMENT,
    FactorCode,
    OwnFactor,
    RecoveryCodes,
    StartEnrolment,
    WaitingSignIn,
)
from contracts.rpc.accounts.sessions import StaffSession
from contracts.rpc.call import Call, Nothing
from services.accounts.adapters import second_factors
from services.accounts.handlers import attempts, sessions
from services.accounts.handlers.access_messages import tell
from services.accounts.handlers.attempts import Source
from services.accounts.handlers.second_factor import (
    account_of,
    new_recovery_codes,
    require_fresh,
    required_roles,
    start_sign_in,
    use_code,
)
from services.accounts.models import LoginRow, RecoveryCodeRow, SecondFactorRow
from services.accounts.settings import AccountsSettings
from services.chassis.db.database import Database
from services.chassis.rpc.idempotency import once


def view(call: Call, session: Session, settings: AccountsSettings) -> OwnFactor:
    """Return what the caller has as a second factor.

    Raises:
        NotAuthenticated: the caller has no login.
    """
    login_id = _own_login(call)
    factor = session.get(SecondFactorRow, login_id)
    unused = (RecoveryCodeRow.login_id == login_id) & RecoveryCodeRow.used_at.is_(None)
    return OwnFactor(
        enrolled_at=factor and factor.enrolled_at,
        recovery_codes=session.scalar(select(func.count()).select_from(RecoveryCodeRow).where(unused)) or 0,
        required=call.principal.role in required_roles(session, settings),
    )


def start_replacement(
    request: StartEnrolment, call: Call, session: Session, now: datetime, settings: AccountsSettings
) -> WaitingSignIn:
    """Begin to set up another app, for a caller who has shown the one that they have, for this.

    Raises:
        Forbidden: as for `second_factor.require_fresh`.
        NotAuthenticated: ``session_ended``.
        Conflict: ``no_factor``, in a race with its reset.
    """
    login_id = _own_login(call)

    def effect() -> UUID:
        sessions.lock_own(session, call, now)
        require_fresh(session, call, now, settings, at_once=True)
        if session.get(SecondFactorRow, login_id, populate_existing=True) is None:
            raise Conflict("there is no second factor any more", code="no_factor")
        return start_sign_in(session, login_id, "replace", now).id

    return _started(session, call, request, effect, settings)


def start_first(
    request: StartEnrolment,
    call: Call,
    session: Session,
    login: LoginRow,
    now: datetime,
    settings: AccountsSettings,
) -> WaitingSignIn:
    """Begin to set up the first app of a login whose password was right."""

    def effect() -> UUID:
        return start_sign_in(session, login.login_id, "enrol", now).id

    return _started(session, call, request, effect, settings)


def _started(
    session: Session,
    call: Call,
    request: StartEnrolment,
    effect: Callable[[], UUID],
    settings: AccountsSettings,
) -> WaitingSignIn:
    def answer(sign_in: UUID) -> WaitingSignIn:
        return WaitingSignIn(sign_in=second_factors.token_of(sign_in, settings.password_secret))

    return once(session, call, START_ENROLMENT.name, request, effect, answer, reference=UUID)


def confirm(
    request: FactorCode, call: Call, db: Database, now: datetime, settings: AccountsSettings
) -> StaffSession:
    """Show the second factor again; return the same session with a token that says so.

    Raises:
        NotAuthenticated: the session has ended.
        Forbidden: ``second_factor_missing``.
        InvalidInput: field ``code`` with ``wrong_code``.
        TooManyAttempts: too many codes were wrong; this one was not checked.
    """
    login_id, source = _own_login(call), Source(call.address, f"session {call.principal.sid}")
    with db.transaction() as session:

        def effect() -> UUID:
            row = sessions.lock_own(session, call, now)
            if session.get(SecondFactorRow, login_id) is None:
                raise Forbidden("there is no second factor", code="second_factor_missing")
            use_code(session, login_id, request.code, now, settings)
            attempts.forget_failures(session, account_of(login_id), settings, source)
            row.factor_at = now
            return row.sid

        def answer(sid: UUID) -> StaffSession:
            return sessions.staff_answer(session, sid, settings).model_copy(update={"device": None})

        def attempt() -> StaffSession:
            return once(session, call, CONFIRM_FACTOR.name, request, effect, answer, reference=UUID)

        outcome = attempts.count(session, account_of(login_id), source, now, settings, attempt)
    return attempts.raised(outcome)


def renew_recovery_codes(
    request: Nothing, call: Call, session: Session, now: datetime, settings: AccountsSettings
) -> RecoveryCodes:
    """Replace the recovery codes of the caller.

    Raises:
        Forbidden: as for `second_factor.require_fresh`.
        Conflict: ``no_factor``.
    """
    login_id = _own_login(call)

    def effect() -> UUID:
        require_fresh(session, call, now, settings, at_once=True)
        if session.get(SecondFactorRow, login_id, with_for_update=True) is None:
            raise Conflict("there is no second factor", code="no_factor")
        tell(session, "recovery_codes_renewed", login_id, login_id, now, colleagues=False)
        return new_recovery_codes(session, login_id, settings)

    def answer(seed: UUID) -> RecoveryCodes:
        return RecoveryCodes(recovery_codes=second_factors.recovery_codes(seed, settings.password_secret))

    return once(session, call, RENEW_RECOVERY_CODES.name, request, effect, answer, reference=UUID)


def _own_login(call: Call) -> str:
    if call.principal.login_id is None or call.principal.kind != "staff":
        raise NotAuthenticated("only a login has a second factor")
    return call.principal.login_id
