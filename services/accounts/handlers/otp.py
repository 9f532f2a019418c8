"""One-time codes: a mobile is proved by typing what was sent to it."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from contracts import rpc
from contracts.errors import InvalidInput, NotAuthenticated
from contracts.events import OtpContact, OtpRequested
from contracts.mobile import is_indian, parse_mobile
from contracts.rpc.accounts import REQUEST_OTP, VERIFY_OTP, ApplicantSession, RequestOtp, VerifyOtp
from contracts.rpc.call import Call
from services.accounts import sealing
from services.accounts.adapters import codes
from services.accounts.domain.logins import (
    SENDS_FROM_ADDRESS,
    SENDS_OF_SITE,
    SENDS_TO_NUMBER,
    TRIES,
    Limit,
    SentCode,
    accept_code,
    refuse_while,
)
from services.accounts.handlers import sessions
from services.accounts.locks import take_turns
from services.accounts.models import OtpCode, OtpRequest
from services.chassis.db.database import Database
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once
from services.chassis.runtime.settings import settings


def request_otp(request: RequestOtp, call: Call, session: Session, at: datetime) -> rpc.accounts.OtpRequest:
    """Has a code sent to a mobile. Whether anybody ever used the number makes no difference.

    A code that is live is sent again: the message that is late and the one that is quick say the same.

    Raises:
        InvalidInput: ``mobile`` is ``not_a_mobile``.
        TooManyAttempts: too many codes went to this number, from this address, or from this site.
    """
    try:
        mobile = parse_mobile(request.mobile)
    except ValueError:
        raise InvalidInput.of("mobile", "not_a_mobile") from None

    def effect() -> str:
        digest = codes.mobile_digest(mobile)
        take_turns(session, f"codes to {digest}")
        _refuse_flood(session, digest, call.address, at)
        code_id, code = _live_code(session, digest, at) or _new_code(session, digest, mobile, at)
        sent = _send_request(session, code_id, digest, call.address, at)
        event = OtpRequested(
            request_id=sent.request_id,
            language=request.language,
            deliver_by="sms" if is_indian(mobile) else "whatsapp",
            personal=OtpContact(mobile=mobile, code=code),
        )
        outbox.add(session, event, at=at, expires_at=sent.expires_at)
        return str(sent.request_id)

    return once(
        session,
        call,
        REQUEST_OTP.name,
        request,
        effect,
        lambda ref: rpc.accounts.OtpRequest(request_id=UUID(ref)),
    )


def _refuse_flood(session: Session, digest: str, address: str, at: datetime) -> None:
    for limit in SENDS_TO_NUMBER:
        _refuse_over(session, limit, OtpRequest.mobile_digest == digest, at)
    if settings().rate_limits:
        if address:
            _refuse_over(session, SENDS_FROM_ADDRESS, OtpRequest.address == address, at)
        _refuse_over(session, SENDS_OF_SITE, OtpRequest.requested_at > at - SENDS_OF_SITE.within, at)


def _refuse_over(session: Session, limit: Limit, which: ColumnElement[bool], at: datetime) -> None:
    newest = select(OtpRequest.requested_at).where(which).order_by(OtpRequest.requested_at.desc())
    refuse_while(limit.wait(session.scalar(newest.offset(limit.times - 1).limit(1)), at))


def _live_code(session: Session, digest: str, at: datetime) -> tuple[UUID, str] | None:
    """The code that was made for this number within the last minutes, neither used nor tried out."""
    live = (
        (OtpCode.mobile_digest == digest)
        & (OtpCode.created_at > at - _lifetime())
        & OtpCode.used_at.is_(None)
        & (OtpCode.tries < TRIES)
    )  # fmt: skip
    code = session.scalar(
        select(OtpCode).where(live).order_by(OtpCode.created_at.desc()).limit(1).with_for_update()
    )
    if code is None or code.code_sealed is None:
        return None
    return code.code_id, sealing.unseal(code.code_sealed).decode()


def _new_code(session: Session, digest: str, mobile: str, at: datetime) -> tuple[UUID, str]:
    code_id, code = uuid4(), codes.new_code()
    made = OtpCode(
        code_id=code_id,
        mobile_digest=digest,
        mobile_sealed=sealing.seal(mobile.encode()),
        code_digest=codes.code_digest(code_id, code),
        code_sealed=sealing.seal(code.encode()),
        tries=0,
        created_at=at,
    )
    session.add(made)
    session.flush()
    return code_id, code


def _send_request(session: Session, code_id: UUID, digest: str, address: str, at: datetime) -> OtpRequest:
    sent = OtpRequest(
        request_id=uuid4(),
        code_id=code_id,
        mobile_digest=digest,
        address=address,
        requested_at=at,
        expires_at=at + _lifetime(),
    )
    session.add(sent)
    return sent


def _lifetime() -> timedelta:
    return timedelta(minutes=settings().otp_minutes)


def verify_otp(request: VerifyOtp, call: Call, db: Database, at: datetime) -> ApplicantSession:
    """Opens a session for whoever typed the code of this request.

    Raises:
        NotAuthenticated: ``wrong_code`` with fact ``tries_left``, ``code_used``, ``code_expired`` (also where the
            request is not known, or no longer) or ``too_many_tries``. A wrong one is counted all the same.
    """
    with db.transaction() as session:
        outcome = _opened_or_refused(request, call, session, at)
    if isinstance(outcome, NotAuthenticated):
        raise outcome
    return outcome


def _opened_or_refused(
    request: VerifyOtp, call: Call, session: Session, at: datetime
) -> ApplicantSession | NotAuthenticated:
    """Two who type the same code at once take turns at its row. What was refused leaves no trace but the count."""
    sent = session.get(OtpRequest, request.request_id)
    code = None if sent is None else session.get(OtpCode, sent.code_id, with_for_update=True)
    if sent is None or code is None:
        return NotAuthenticated("this code is too old, ask for a new one", code="code_expired")
    expires_at, matches = sent.expires_at, codes.is_code(code.code_digest, code.code_id, request.code)

    def effect() -> str:
        accept_code(SentCode(code.used_at is not None, code.tries, expires_at), matches=matches, at=at)
        code.used_at, code.code_sealed = at, None
        return str(sessions.open_for_applicant(session, code.mobile_digest, code.mobile_sealed, at).sid)

    try:
        with session.begin_nested():
            return once(
                session,
                call,
                VERIFY_OTP.name,
                request,
                effect,
                lambda ref: sessions.applicant_answer(session, ref),
            )
    except NotAuthenticated as refusal:
        if refusal.body.code == "wrong_code":
            code.tries += 1
        return refusal
