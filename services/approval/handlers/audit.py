"""Decisions for an auditor: of an application, or of a department on some days; without a name."""

from datetime import datetime, time

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.crockford import parse_reference
from contracts.errors import Forbidden, InvalidInput
from contracts.model import IST
from contracts.rpc.approval.decisions import (
    MOST_AUDITED_DAYS,
    DecisionQuestion,
    RecordedDecision,
    RecordedDecisions,
)
from contracts.rpc.call import Call
from services.approval.models.reviews import DecisionRow, ReviewRow
from services.chassis.db import pages


def list_decisions(request: DecisionQuestion, call: Call, session: Session) -> RecordedDecisions:
    """Return a page of decisions, the newest first.

    Raises:
        Forbidden: the principal is no auditor.
        InvalidInput: the reference is none, there are neither a reference nor a department with days, the
            days are more than `MOST_AUDITED_DAYS`, or ``after`` is not one of our cursors.
    """
    if call.principal.role != "auditor":
        raise Forbidden("only auditors see the decisions of everybody")
    query = select(DecisionRow, ReviewRow).join(ReviewRow, DecisionRow.review_id == ReviewRow.id)
    if request.reference is not None:
        try:
            query = query.where(ReviewRow.reference == parse_reference(request.reference))
        except ValueError:
            raise InvalidInput.of("reference", "not_a_reference") from None
    elif request.department is not None and request.first is not None and request.last is not None:
        if (request.last - request.first).days >= MOST_AUDITED_DAYS:
            raise InvalidInput.of("last", "more_than_a_year")
        query = query.where(
            DecisionRow.department == request.department,
            DecisionRow.decided_at.between(
                datetime.combine(request.first, time.min, IST), datetime.combine(request.last, time.max, IST)
            ),
        )
    else:
        raise InvalidInput.of("department", "missing")
    page, following = pages.read(session, query, DecisionRow.decided_at, DecisionRow.review_id, request)
    return RecordedDecisions(
        items=tuple(
            RecordedDecision.from_attributes(decision, reference=review.reference, site=review.site)
            for decision, review in page
        ),
        next=following,
    )
