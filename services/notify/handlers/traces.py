"""What became of the messages about one application, for operations: no text, no name, no number.

What a vendor has told later is kept for some days only (`receipts.RETENTION`).
"""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from contracts.crockford import parse_pass_number, parse_reference
from contracts.errors import Forbidden, NotFound
from contracts.rpc.call import Call
from contracts.rpc.notify import (
    FailedTry,
    MessageSearch,
    MessageTrace,
    MessageTraces,
    PassTrace,
    VendorReport,
)
from services.notify.models import ApplicationRow, DeliveryReportRow, MessageRow, PassRow

MOST = 50


def trace_messages(request: MessageSearch, call: Call, session: Session) -> MessageTraces:
    """Return all messages about an application, found by its reference, its pass, or one of its messages.

    A message that is about no application is returned alone.

    Raises:
        Forbidden: the caller is not operations.
        NotFound: notify has heard of nothing such.
    """
    if call.principal.role != "ops":
        raise Forbidden("only operations sees what became of messages")
    application, alone = _subject(request, session)
    messages = [alone] if alone is not None else []
    passes: Sequence[PassRow] = ()
    if application is not None:
        newest = select(MessageRow).where(MessageRow.application_id == application.id)
        newest = newest.order_by(MessageRow.queued_at.desc(), MessageRow.step.desc()).limit(MOST)
        messages = list(session.scalars(newest))
        passes = session.scalars(
            select(PassRow).where(PassRow.application_id == application.id).order_by(PassRow.number)
        ).all()
    reports = _reports(session, messages)
    return MessageTraces(
        reference=application.reference if application else None,
        application_id=application.id if application else None,
        erased=application is not None and application.erased_at is not None,
        passes=tuple(
            PassTrace(
                number=one.number, revoked=one.revoked_at is not None, printed=one.printed_at is not None
            )
            for one in passes
        ),
        items=tuple(_trace(one, reports[one.provider, one.provider_id]) for one in messages),
    )


def _subject(request: MessageSearch, session: Session) -> tuple[ApplicationRow | None, MessageRow | None]:
    """Return the application that is looked for, or the one message that is about none.

    Raises:
        NotFound: there is neither.
    """
    application_id = alone = None
    try:
        if request.reference is not None:
            reference = parse_reference(request.reference)
            application_id = session.scalar(
                select(ApplicationRow.id).where(ApplicationRow.reference == reference)
            )
        elif request.pass_number is not None:
            known = session.get(PassRow, parse_pass_number(request.pass_number))
            application_id = known.application_id if known else None
        elif request.message_id is not None:
            alone = session.get(MessageRow, request.message_id)
            application_id = alone.application_id if alone else None
    except ValueError:
        raise NotFound("that is no reference and no pass number") from None
    application = session.get(ApplicationRow, application_id) if application_id else None
    if application is not None:
        return application, None
    if alone is None:
        raise NotFound("notify has heard of nothing such")
    return None, alone


def _reports(
    session: Session, messages: Sequence[MessageRow]
) -> defaultdict[tuple[str | None, str | None], list[DeliveryReportRow]]:
    """Return what vendors have told of messages, by the vendor and its ID of the message."""
    found: defaultdict[tuple[str | None, str | None], list[DeliveryReportRow]] = defaultdict(list)
    ids = [(one.provider, one.provider_id) for one in messages if one.provider_id is not None]
    query = select(DeliveryReportRow).where(
        tuple_(DeliveryReportRow.provider, DeliveryReportRow.provider_id).in_(ids)
    )
    for report in session.scalars(query.order_by(DeliveryReportRow.at)) if ids else ():
        found[report.provider, report.provider_id].append(report)
    return found


def _trace(row: MessageRow, reports: Sequence[DeliveryReportRow]) -> MessageTrace:
    waits = row.state == "queued"
    return MessageTrace.from_attributes(
        row,
        is_resend=row.resend_of is not None,
        failed=tuple(FailedTry.model_validate(one) for one in row.failed_tries),
        reports=tuple(VendorReport.from_attributes(one) for one in reports),
        due_at=row.due_at if waits else None,
        is_undelivered=row.undelivered_at is not None,
    )
