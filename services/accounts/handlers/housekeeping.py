"""Deletion of rows that nobody needs any more. Every replica may run it at any time."""

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from services.accounts.domain.limits import FAILURES_COUNT_FOR
from services.accounts.models import ImportRow, LoginFailureRow, OtpCodeRow, OtpRequestRow, SessionRow
from services.chassis.db import import_drafts
from services.chassis.rpc.idempotency import KEEP_HOURS

_SESSIONS_STAY = timedelta(hours=KEEP_HOURS)
"""For so long the answer to a repeated command is rebuilt from rows."""
_CODES_STAY = timedelta(days=2)
"""Requests for a code count for a day."""


def purge(session: Session, now: datetime) -> None:
    """Delete sessions whose tokens have expired, old codes with their requests, old failures and files."""
    import_drafts.purge(session, ImportRow, now)
    session.execute(delete(SessionRow).where(SessionRow.expires_at < now - _SESSIONS_STAY))
    session.execute(delete(LoginFailureRow).where(LoginFailureRow.at < now - FAILURES_COUNT_FOR))
    session.execute(delete(OtpRequestRow).where(OtpRequestRow.requested_at < now - _CODES_STAY))
    requests = select(OtpRequestRow.code_id).where(OtpRequestRow.code_id == OtpCodeRow.code_id)
    session.execute(delete(OtpCodeRow).where(OtpCodeRow.created_at < now - _CODES_STAY, ~requests.exists()))
