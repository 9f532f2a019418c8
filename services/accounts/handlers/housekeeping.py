"""Deletion of rows that nobody needs any more. Every replica may run it at any time."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.accounts.domain.limits import FAILURES_COUNT_FOR
from services.accounts.handlers.strangers import PROVED_FOR
from services.accounts.models import (
    ImportRow,
    LoginFailureRow,
    OtpCodeRow,
    OtpRequestRow,
    ProvedMobileRow,
    SessionRow,
    SignInRow,
)
from services.chassis.db import import_drafts
from services.chassis.db.batches import delete_batch
from services.chassis.rpc.idempotency import KEEP_HOURS

_SESSIONS_STAY = timedelta(hours=KEEP_HOURS)
"""For so long the answer to a repeated command is rebuilt from rows."""
_CODES_STAY = timedelta(days=2)
"""Requests for a code count for a day."""


def purge(session: Session, now: datetime) -> int:
    """Delete a batch of expired sessions, of old sign-ins, codes, requests, numbers, failures and files.

    Returns:
        How many rows of that table of which the most were deleted.
    """
    requests = select(OtpRequestRow.code_id).where(OtpRequestRow.code_id == OtpCodeRow.code_id)
    return max(
        import_drafts.purge(session, ImportRow, now),
        delete_batch(session, SessionRow, SessionRow.expires_at < now - _SESSIONS_STAY),
        delete_batch(session, SignInRow, SignInRow.made_at < now - _SESSIONS_STAY),
        delete_batch(session, LoginFailureRow, LoginFailureRow.at < now - FAILURES_COUNT_FOR),
        delete_batch(session, OtpRequestRow, OtpRequestRow.requested_at < now - _CODES_STAY),
        delete_batch(session, OtpCodeRow, OtpCodeRow.created_at < now - _CODES_STAY, ~requests.exists()),
        delete_batch(session, ProvedMobileRow, ProvedMobileRow.proved_at < now - PROVED_FOR),
    )
