"""Consent, where a site rests on it: asked of each form, shown, and withdrawn as easily as it was given.

A form that says that somebody agreed is stored with the moment, whatever the site rests on, so that nothing
is lost while processes have other settings for some minutes.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from contracts.application_form import ApplicationForm, InvitationForm
from contracts.errors import InvalidInput, NotFound
from contracts.model import OPEN_STATUSES, Basis
from contracts.rpc.application import Acknowledged, ReferenceOnly
from contracts.rpc.call import Call
from contracts.rpc.consents import WITHDRAW
from contracts.rpc.own_data import Consent
from services.application.handlers import unlocked_sessions
from services.application.handlers.authorization import is_applicant_of
from services.application.handlers.rows import cancel_row, find
from services.application.models import ApplicationRow
from services.chassis.rpc.idempotency import once


def require_consent(request: ApplicationForm | InvitationForm, basis: Basis) -> None:
    """Raise `InvalidInput` (``consent`` is ``consent_missing``) where it is needed and nobody agreed."""
    if basis == "consent" and not request.consent:
        raise InvalidInput.of("consent", "consent_missing")


def consent_of(row: ApplicationRow) -> Consent | None:
    """Return the consent by which an application is processed, if it was given."""
    if row.consented_at is None:
        return None
    return Consent(given_at=row.consented_at, notice=row.notice, withdrawn_at=row.consent_withdrawn_at)


def withdraw(request: ReferenceOnly, call: Call, session: Session, now: datetime) -> Acknowledged:
    """Withdraw the consent to an application, which cancels it and its pass unless the visit has begun.

    Of one that is locked nothing is left to cancel.

    Raises:
        NotFound: the applicant has no such application, or has not agreed to it.
        Forbidden: ``not_opened``: their session has not opened it.
    """

    def effect() -> str:
        row = find(session, request.reference, lock=True, also_locked=True)
        if row is None or row.consented_at is None or not is_applicant_of(call.principal, row.mobile):
            raise NotFound("there is no such consent")
        unlocked_sessions.require_open(session, row, call.principal, now)
        return withdraw_row(session, row, now)

    def answer(reference: str) -> Acknowledged:
        return withdrawn(session, reference)

    return once(session, call, f"application.{WITHDRAW.name}", request, effect, answer, reference=str)


def withdraw_row(session: Session, row: ApplicationRow, now: datetime) -> str:
    """Withdraw the consent to an application, as the person wants it; return its reference."""
    row.consent_withdrawn_at = row.consent_withdrawn_at or now
    if row.status in OPEN_STATUSES and row.locked_at is None:
        cancel_row(session, row, "applicant", now)
    return row.reference


def withdrawn(session: Session, reference: str) -> Acknowledged:
    """Return what became of an application whose consent was withdrawn."""
    row = find(session, reference, also_locked=True)
    assert row is not None
    return Acknowledged(reference=reference, status=row.status)
