"""One-time codes: somebody proves that they hold a mobile by typing the code that was sent to it."""

import secrets
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from contracts.errors import InvalidInput, NotAuthenticated
from contracts.events import OtpContact, OtpRequested
from contracts.mobile import channel_to, parse_mobile
from contracts.rpc.accounts.sessions import (
    REQUEST_OTP,
    VERIFY_OTP,
    ApplicantSession,
    OtpAccepted,
    RequestOtp,
    VerifyOtp,
)
from contracts.rpc.call import Call
from services.accounts.adapters import digests
from services.accounts.adapters.device_tokens import find, id_of
from services.accounts.adapters.keys import sealed_box
from services.accounts.domain.codes import SentCode, accept_code
from services.accounts.domain.limits import (
    LATER_SENDS_FROM_SOURCE,
    SENDS_TO_NUMBER,
    SENDS_TO_NUMBER_FROM_SOURCE,
    SHARED_SENDS_TO_NUMBER,
    UNUSED_FROM_ADDRESS,
    refuse_while,
)
from services.accounts.handlers import sessions, strangers
from services.accounts.handlers.attempts import wait_for
from services.accounts.models import OtpCodeRow, OtpRequestRow
from services.accounts.settings import AccountsSettings
from services.chassis.db.database import Database
from services.chassis.db.locks import lock
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once


def request_code(
    request: RequestOtp, call: Call, session: Session, now: datetime, settings: AccountsSettings
) -> OtpAccepted:
    """Publish OtpRequested, so that a code goes to a mobile.

    It makes no difference whether the number is known.

    A code that has half its time left is sent again, so that a late message and a quick one have the same
    code. It ends when it would have ended.

    Raises:
        InvalidInput: ``mobile`` is ``not_a_mobile`` or ``country_not_served``.
        TooManyAttempts: too many codes went to this number (``limit`` is ``number``), or too many that this
            address asked for were never typed (``address``); or as `strangers.hold_back`.
    """
    try:
        mobile = parse_mobile(request.mobile)
    except ValueError:
        raise InvalidInput.of("mobile", "not_a_mobile") from None
    strangers.require_country(mobile, call, settings)

    def effect() -> UUID:
        digest = digests.mobile_digest(mobile, settings.otp_secret)
        lock(session, f"codes to {digest}")
        device = id_of(find(request.devices, f"applicant:{digest}", now, settings.otp_secret))
        _refuse_flood(session, digest, call.address, device, now, settings)
        code_id, code, made_at = _live_code(session, digest, now, settings) or _add_code(
            session, digest, mobile, now, settings
        )
        is_known = device is not None or call.principal.kind == "staff"
        unproved = not is_known and strangers.is_unproved(session, digest, now)
        challenge = (
            strangers.hold_back(session, digest, call, request.work, now, settings) if unproved else None
        )
        row = OtpRequestRow(
            request_id=uuid4(),
            code_id=code_id,
            mobile_digest=digest,
            address=call.address,
            requested_at=now,
            expires_at=made_at + timedelta(minutes=settings.otp_minutes),
            tries=0,
            device=device,
            is_unproved=unproved,
            challenge=challenge,
        )
        session.add(row)
        event = OtpRequested(
            request_id=row.request_id,
            language=request.language,
            deliver_by=channel_to(mobile, "sms"),
            personal=OtpContact(mobile=mobile, code=code),
        )
        outbox.add(session, event, at=now, expires_at=row.expires_at)
        return row.request_id

    def answer(request_id: UUID) -> OtpAccepted:
        return OtpAccepted(request_id=request_id)

    return once(session, call, REQUEST_OTP.name, request, effect, answer, reference=UUID)


def _refuse_flood(
    session: Session, digest: str, address: str, device: str | None, now: datetime, settings: AccountsSettings
) -> None:
    row = OtpRequestRow
    wait = partial(wait_for, session, row.requested_at, now)
    to_number = row.mobile_digest == digest
    if device is not None:  # what strangers ask for does not count
        waits = [
            wait(SENDS_TO_NUMBER_FROM_SOURCE, to_number & (row.device == device)),
            wait(SENDS_TO_NUMBER, to_number & row.device.is_not(None)),
        ]
        refuse_while({"number": max(waits)})
        return
    to_number &= row.device.is_(None)
    from_here = to_number & (row.address == address)
    later = min(wait(SHARED_SENDS_TO_NUMBER, to_number), wait(LATER_SENDS_FROM_SOURCE, from_here))
    waits = [wait(SENDS_TO_NUMBER_FROM_SOURCE, from_here), wait(SENDS_TO_NUMBER, to_number), later]
    unused = row.device.is_(None) & (row.address == address) & row.answered.is_(False)
    is_counted = bool(address) and settings.rate_limits
    refuse_while({"number": max(waits), "address": wait(UNUSED_FROM_ADDRESS, unused) if is_counted else 0})


def _live_code(
    session: Session, digest: str, now: datetime, settings: AccountsSettings
) -> tuple[UUID, str, datetime] | None:
    """Return id, text and time of the newest code of this number that is good for half its time, or None."""
    row = OtpCodeRow
    live = (
        (row.mobile_digest == digest)
        & (row.created_at > now - timedelta(minutes=settings.otp_minutes) / 2)
        & row.used_at.is_(None)
    )
    newest = select(row).where(live).order_by(row.created_at.desc()).limit(1)
    code = session.scalar(newest.with_for_update())
    if code is None or code.code_sealed is None:
        return None
    return code.code_id, sealed_box(settings).open(code.code_sealed).decode(), code.created_at


def _add_code(
    session: Session, digest: str, mobile: str, now: datetime, settings: AccountsSettings
) -> tuple[UUID, str, datetime]:
    """Store a new code and return its id, its text and its time."""
    code_id, code, box = uuid4(), new_code(), sealed_box(settings)
    row = OtpCodeRow(
        code_id=code_id,
        mobile_digest=digest,
        mobile_sealed=box.seal(mobile.encode()),
        code_digest=digests.code_digest(code_id, code, settings.otp_secret),
        code_sealed=box.seal(code.encode()),
        created_at=now,
    )
    session.add(row)
    session.flush()
    return code_id, code, now


def new_code() -> str:
    """Return six digits from the system's random source."""
    return f"{secrets.randbelow(1_000_000):06d}"


def verify_code(
    request: VerifyOtp, call: Call, db: Database, now: datetime, settings: AccountsSettings
) -> ApplicantSession:
    """Open a session for somebody who typed the code of this request.

    Raises:
        NotAuthenticated: ``wrong_code`` with the fact ``tries_left``, ``code_used``, ``code_expired`` (also
            if the request is not known, or no longer) or ``too_many_tries``. A wrong code is counted although
            this raises.
    """
    with db.transaction() as session:
        outcome = _open_session(request, call, session, now, settings)
    if isinstance(outcome, NotAuthenticated):
        raise outcome
    return outcome


def _open_session(
    request: VerifyOtp, call: Call, session: Session, now: datetime, settings: AccountsSettings
) -> ApplicantSession | NotAuthenticated:
    """Return the session, or the refusal.

    The locks on the request and on its code make simultaneous tries run one by one.

    A refusal changes nothing but the count of tries.
    """
    sent = session.get(OtpRequestRow, request.request_id, with_for_update=True)
    code = None if sent is None else session.get(OtpCodeRow, sent.code_id, with_for_update=True)
    if sent is None or code is None:
        return NotAuthenticated("this code is too old, ask for a new one", code="code_expired")
    known = SentCode(code.used_at is not None, sent.tries, sent.expires_at)
    matches = digests.is_code(code.code_digest, code.code_id, request.code, settings.otp_secret)

    def effect() -> UUID:
        accept_code(known, matches=matches, now=now)
        code.used_at, code.code_sealed = now, None
        row = OtpRequestRow  # all requests for this code, but one that somebody types a code for right now
        of_code = (row.mobile_digest == code.mobile_digest) & (row.code_id == code.code_id)
        free = select(row.request_id).where(of_code).with_for_update(skip_locked=True)
        session.execute(update(row).where(row.request_id.in_(free)).values(answered=True))
        strangers.record_proof(session, code.mobile_digest, now)
        return sessions.open_for_applicant(session, code.mobile_digest, code.mobile_sealed, now, settings)

    def answer(sid: UUID) -> ApplicantSession:
        return sessions.applicant_answer(session, sid, settings)

    try:
        with session.begin_nested():
            return once(session, call, VERIFY_OTP.name, request, effect, answer, reference=UUID)
    except NotAuthenticated as refusal:
        if refusal.body.code == "wrong_code":
            sent.tries += 1
        return refusal
