"""Another mobile for an application, so that its messages reach somebody.

Who asks for it has proved two things. One is that the application is theirs: by a code to the number so far
and the last four characters of the ID card, or by the word of an operator at the reception of its site, who
types those of the card that they see. The other is that they hold the new number, by a code that was sent to
it. The reference alone, and what the page of the status asks for, move nothing.
"""

from datetime import datetime, timedelta
from hmac import compare_digest

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.errors import Forbidden, InvalidInput, NotFound, TooManyAttempts
from contracts.identity import NotLastFour, last_four
from contracts.model import Strict
from contracts.rpc.application import CHANGE_MOBILE, Acknowledged, ChangeMobile
from contracts.rpc.call import Call, Principal
from services.application.handlers import unlocked_sessions
from services.application.handlers.applications import MOST_OPEN, refuse_more_open
from services.application.handlers.authorization import operator_of, side_of
from services.application.handlers.rows import application_of, find, publish
from services.application.models import ApplicationRow, TimelineEntryRow
from services.application.settings import ApplicationSettings
from services.chassis.audit import record
from services.chassis.audit.entries import done_before
from services.chassis.audit.readers import mobile_of
from services.chassis.db.locks import lock
from services.chassis.messaging.signatures import EventKeys
from services.chassis.rpc.idempotency import once
from services.chassis.rpc.principals import proved_by

CHANGED = "mobile_changed"
"""The entry in the timeline."""
CHANGES = 3
"""So often within a day applicants change the number of one application."""
CHANGES_AT_COUNTER = 20
"""So often within a day an operator changes numbers of applications."""
WINDOW = timedelta(days=1)
_TOO_OFTEN = {
    "applicant": "the number of this application was changed too often",
    "counter": "this login has changed the numbers of too many applications",
}


class _Wanted(Strict):
    """What a repeat has to have in common with the command: tokens may be certified anew between them."""

    reference: str
    mobile: str


def change_mobile(
    request: ChangeMobile, call: Call, session: Session, now: datetime, settings: ApplicationSettings
) -> Acknowledged:
    """Give an application the mobile that the request proves; see `change`.

    Raises:
        NotAuthenticated: nothing proves it.
    """
    proved = proved_by(request.proof, EventKeys(settings.event_keys), now)
    return change(request, proved, call, session, now, limited=settings.rate_limits)


def change(
    request: ChangeMobile, proved: Principal, call: Call, session: Session, now: datetime, *, limited: bool
) -> Acknowledged:
    """Give an application the mobile that somebody has proved; its messages go there from now on.

    Every session that had the application open has it open no more. The session that proved the number has it
    open from then on, if its applicant changed it. The audit log says to whom it went, by the keyed hash of
    their number.

    Args:
        request: which application, and at the reception the last four of the card that was seen.
        proved: whose session the code to the new number has opened.
        call: of the applicant, or of the reception.
        limited: whether the limits count.

    Raises:
        Forbidden: ``not_opened``: the session of the applicant has not opened it; ``at_a_kiosk``.
        NotFound: the applicant or the site has no such application.
        InvalidInput: ``mobile`` is ``same_mobile``, or ``id_last4`` is missing or another.
        Conflict: ``cannot_change_mobile``, with the fact ``status``; ``too_many_open``.
        TooManyAttempts: applicants changed its number too often within a day (``limit`` is ``application``),
            or the operator those of applications (``operator``).
    """
    mobile = mobile_of(proved)
    record.note_object(proved.id)

    def effect() -> str:
        row = find(session, request.reference, lock=True)
        by = None if row is None else side_of(call.principal, row.mobile, row.site)
        if row is None or by is None or row.erased_at is not None:
            raise NotFound("there is no such application")
        if by == "applicant":
            if call.principal.kiosk:
                raise Forbidden("a kiosk shows nobody's application", code="at_a_kiosk")
            unlocked_sessions.require_open(session, row, call.principal, now)
        else:
            _require_card(row, request.id_last4)
        event = application_of(row).change_mobile(mobile, row.status, by)
        if limited:
            if by == "counter":  # the operator's other changes wait until the transaction ends
                lock(session, f"mobiles:{operator_of(call.principal)}")
            free = free_after(session, row, call.principal, now)
            if free is not None:
                limit = "application" if by == "applicant" else "operator"
                raise TooManyAttempts.until(free, now, _TOO_OFTEN[by], limit=limit)
            refuse_more_open(session, mobile, MOST_OPEN, now)
        row.mobile, row.mobile_proved, row.deliver_by = mobile, True, event.deliver_by
        publish(session, row, event, CHANGED, now, by=by)
        unlocked_sessions.close(session, row.id)
        if by == "applicant":
            unlocked_sessions.record(session, row.id, proved, now)
        return row.reference

    def answer(reference: str) -> Acknowledged:
        status = select(ApplicationRow.status).where(ApplicationRow.reference == reference)
        return Acknowledged(reference=reference, status=session.scalars(status).one())

    wanted = _Wanted(reference=request.reference, mobile=mobile)
    return once(session, call, f"application.{CHANGE_MOBILE.name}", wanted, effect, answer, reference=str)


def _require_card(row: ApplicationRow, typed: str | None) -> None:
    """Raise `InvalidInput` unless these are the last four of the card that the application names.

    One that names no card (an invitation) still needs those of the card that was seen.
    """
    try:
        given = last_four(typed or "")
    except NotLastFour as problem:
        raise InvalidInput.of("id_last4", problem.code if typed else "id_last4_missing") from None
    if row.id_last4 is not None and not compare_digest(given, row.id_last4):
        raise InvalidInput.of("id_last4", "other_last4")


def free_after(session: Session, row: ApplicationRow, principal: Principal, now: datetime) -> datetime | None:
    """Return from when on somebody who sees an application may change its number; None if at once.

    Their pages say so before a code is asked for.
    """
    if side_of(principal, row.mobile, row.site) == "counter":
        nth = done_before(session, operator_of(principal), CHANGE_MOBILE.name, CHANGES_AT_COUNTER)
        return None if nth is None or nth <= now - WINDOW else nth + WINDOW
    entry = TimelineEntryRow
    changes = (entry.application_id == row.id) & (entry.what == CHANGED) & (entry.at > now - WINDOW)
    own = changes & (entry.facts["by"].astext == "applicant")
    nth = session.scalar(select(entry.at).where(own).order_by(entry.at.desc()).offset(CHANGES - 1).limit(1))
    return None if nth is None else nth + WINDOW
