"""A brake for the whole site: codes to numbers that nobody has ever proved.

Such codes count for an hour, until somebody types them: then the number is a proved one. From half of the
ceiling on, who asks for one shows a proof of work, and an address whose codes nobody types gets few. At the
ceiling nobody gets one. Proved numbers, devices that proved the number, and staff are never stopped here.
"""

from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from contracts.errors import InvalidInput, TooManyAttempts
from contracts.mobile import is_in_countries
from contracts.proof_of_work import BITS
from contracts.rpc.call import Call
from services.accounts.adapters import device_tokens, work_challenges
from services.accounts.domain.limits import (
    CEILING_WITHIN,
    Limit,
    pressure,
    refuse_while,
)
from services.accounts.handlers.attempts import wait_for
from services.accounts.metrics import CODES_HELD_BACK, UNPROVED_CODES
from services.accounts.models import OtpRequestRow, ProvedMobileRow
from services.accounts.settings import AccountsSettings
from services.chassis.db.locks import lock
from services.chassis.db.upserts import put

PROVED_FOR = device_tokens.LIFETIME
"""For so long a number is a proved one: as long as a browser is known."""


def require_country(mobile: str, call: Call, settings: AccountsSettings) -> None:
    """Raise `InvalidInput` (``country_not_served``) if no stranger may have a code sent to such a number.

    Staff may: the reception changes the number of a foreign visitor who stands there.
    """
    if call.principal.kind != "staff" and not is_in_countries(mobile, settings.code_countries):
        CODES_HELD_BACK.labels("country").inc()
        raise InvalidInput.of("mobile", "country_not_served")


def record_proof(session: Session, mobile_digest: str, now: datetime) -> None:
    """Record that somebody has proved a number."""
    put(session, ProvedMobileRow, {"mobile_digest": mobile_digest}, {"proved_at": now})


def is_unproved(session: Session, mobile_digest: str, now: datetime) -> bool:
    """Return whether nobody has proved a number for as long as that is remembered."""
    row = session.get(ProvedMobileRow, mobile_digest)
    return row is None or row.proved_at <= now - PROVED_FOR


def hold_back(
    session: Session, mobile_digest: str, call: Call, work: str, now: datetime, settings: AccountsSettings
) -> str | None:
    """Refuse a code to an unproved number while too many are asked for, else count on its request.

    From half of the ceiling on one transaction is let through after another, so that it is exact. The lock is
    taken last, and the request stored soon after it. Who is refused never waits for it: requests without a
    proof of work cost nothing, and would keep those with one waiting.

    Returns:
        The challenge that came with a proof of work; None if none was needed.

    Raises:
        TooManyAttempts: ``work_required`` with ``challenge``, ``answers`` and ``bits``; or the ceiling was
            reached (``limit`` is ``unproved``), or nobody types the codes of this address (``address``).
    """
    if not settings.rate_limits or _look(session, mobile_digest, call, work, now, settings) is None:
        return None
    lock(session, "codes to unproved numbers")
    return _look(session, mobile_digest, call, work, now, settings)


def _look(
    session: Session, mobile_digest: str, call: Call, work: str, now: datetime, settings: AccountsSettings
) -> str | None:
    row, most = OtpRequestRow, settings.unproved_codes_per_hour
    asked = pressure(_untyped(session, now), most)
    if asked is None:
        return None
    wait = partial(wait_for, session, row.requested_at, now)
    ceiling = wait((Limit(most, CEILING_WITHIN),), _is_untyped())
    here = wait((asked.untyped,), _is_untyped() & (row.address == call.address)) if call.address else 0
    if here and not _mostly_typed(session, call.address, now):
        CODES_HELD_BACK.labels("address").inc()
        refuse_while({"address": here})
    if ceiling:
        CODES_HELD_BACK.labels("ceiling").inc()
        refuse_while({"unproved": ceiling})
    challenge = work_challenges.solved(work, mobile_digest, now, settings.otp_secret)
    used = (row.mobile_digest == mobile_digest) & (row.challenge == challenge)
    if challenge is None or session.scalar(select(row.request_id).where(used)) is not None:
        CODES_HELD_BACK.labels("work").inc()
        challenge = work_challenges.make(mobile_digest, asked.answers, now, settings.otp_secret)
        facts: dict[str, Any] = {"challenge": challenge, "answers": asked.answers, "bits": BITS}
        raise TooManyAttempts(
            "very many codes are asked for: solve the challenge",
            code="work_required",
            retry_after=60,
            **facts,
        )
    return challenge


def show_unproved(session: Session, now: datetime, settings: AccountsSettings) -> None:
    """Show what part of the ceiling is used."""
    UNPROVED_CODES.set(_untyped(session, now) / settings.unproved_codes_per_hour)


def _is_untyped() -> ColumnElement[bool]:
    return OtpRequestRow.is_unproved.is_(True) & OtpRequestRow.answered.is_(False)


def _untyped(session: Session, now: datetime) -> int:
    lately = OtpRequestRow.requested_at > now - CEILING_WITHIN
    return session.scalar(select(func.count()).select_from(OtpRequestRow).where(_is_untyped(), lately)) or 0


def _mostly_typed(session: Session, address: str, now: datetime) -> bool:
    """Return whether at least half of the codes to unproved numbers were typed that an address asked for."""
    row = OtpRequestRow
    here = (row.address == address) & (row.requested_at > now - CEILING_WITHIN) & row.is_unproved.is_(True)
    typed = func.count().filter(row.answered.is_(True))
    asked, answered = session.execute(select(func.count(), typed).where(here)).one()
    return bool(2 * answered >= asked)
