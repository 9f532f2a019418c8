"""What nobody needs any more is deleted. Every replica may do it at any time."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from services.accounts.domain.logins import FAILURES_COUNT_FOR
from services.accounts.models import AccessSession, LoginFailure, OtpCode, OtpRequest
from services.chassis.rpc.idempotency import KEEP_HOURS

_REPEATABLE = timedelta(hours=KEEP_HOURS)
"""So long the answer to a repeated command is rebuilt from rows."""
_CODES_KEPT = timedelta(days=2)
"""Sends count for a day."""


def purge(session: Session, at: datetime) -> None:
    """Deletes sessions whose tokens expired, old codes with their requests, and failures that no longer count."""
    session.execute(delete(AccessSession).where(AccessSession.expires_at < at - _REPEATABLE))
    session.execute(delete(LoginFailure).where(LoginFailure.at < at - FAILURES_COUNT_FOR))
    session.execute(delete(OtpRequest).where(OtpRequest.requested_at < at - _CODES_KEPT))
    asked_for = select(OtpRequest.code_id).where(OtpRequest.code_id == OtpCode.code_id)
    session.execute(delete(OtpCode).where(OtpCode.created_at < at - _CODES_KEPT, ~asked_for.exists()))
