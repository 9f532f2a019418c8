"""What a visitor says to a place that is offered: they come, or they wait no longer."""

from contextlib import suppress
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.errors import Conflict, InvalidInput, NotFound
from contracts.events import QuestionAnswered
from contracts.model import PlaceOutcome
from contracts.rpc.approval.places import ANSWER_OFFER, AnswerOffer, PlaceWait, WaitCode
from contracts.rpc.call import Call
from services.approval.handlers import waiting_list
from services.approval.handlers.decisions import approve_in_turn
from services.approval.metrics import REPLIES_WITHOUT_EFFECT
from services.approval.models.places import WaitRow
from services.approval.models.reviews import ReviewRow
from services.chassis.db.database import after_commit
from services.chassis.rpc.idempotency import once


def answer(
    request: AnswerOffer, call: Call, session: Session, now: datetime, *, furthest_days: int
) -> PlaceWait:
    """Take the place that is offered, by which the visit is approved; or wait no longer.

    An offer stands until the job ends it, which locks the review as this does: only one of them comes first.
    Whoever has the code may answer: it came with the offer to whom it is for, or from their own page.

    Raises:
        NotFound: there is no such wait.
        Conflict: ``offer_over``: nothing is offered, or not any more.
    """

    def effect() -> str:
        of_key = select(WaitRow.review_id).where(WaitRow.code == request.code).scalar_subquery()
        row = session.scalars(select(ReviewRow).where(ReviewRow.id == of_key).with_for_update()).one_or_none()
        if row is None:
            raise NotFound("there is no such wait")
        wait = session.scalars(select(WaitRow).where(WaitRow.code == request.code)).one()
        _answer(session, row, wait, now, request.accepts, furthest_days)
        return wait.code

    return once(
        session,
        call,
        f"approval.{ANSWER_OFFER.name}",
        request,
        effect,
        lambda code: waiting_list.view(WaitCode(code=code), session),
        reference=str,
    )


def hear_reply(
    received: Received[QuestionAnswered], session: Session, now: datetime, furthest_days: int
) -> None:
    """Take the place that is offered, as its visitor said by a plain reply to the offer.

    An offer may have lapsed before a reply that was given in time is heard: they take the place if it is
    still free, and else wait again where they stood in the list. Any other reply to an offer that is over, or
    that is not the present one any more, is counted, as is one for which there is no place.
    """
    event = received.event
    if event.purpose != "place_offered":
        return
    of_application = select(ReviewRow).where(ReviewRow.application_id == event.application_id)
    row = session.scalars(of_application.with_for_update()).one_or_none()
    wait = session.get(WaitRow, row.id) if row is not None else None
    if row is not None and wait is not None and wait.offered_until == event.until:
        in_time = event.yes and wait.outcome == "lapsed" and received.occurred_at < event.until
        in_time &= waiting_list.is_undecided(wait, row)
        if in_time:
            wait.offered_at = wait.offered_until = wait.ended_at = wait.outcome = None
        with suppress(Conflict), session.begin_nested():
            _answer(session, row, wait, now, event.yes, furthest_days, is_offered=in_time)
            return
    after_commit(session, REPLIES_WITHOUT_EFFECT.inc)


def _answer(
    session: Session,
    row: ReviewRow,
    wait: WaitRow,
    now: datetime,
    accepts: bool,
    furthest_days: int,
    *,
    is_offered: bool = False,
) -> None:
    """Take an offered place or wait no longer; the review is locked. The same again changes nothing.

    Raises:
        Conflict: ``offer_over``: nothing is offered, or not any more.
    """
    if wait.outcome == ("taken" if accepts else "left"):
        return
    if not waiting_list.is_waiting(wait, row) or (accepts and wait.offered_until is None and not is_offered):
        raise Conflict("nothing is offered any more", code="offer_over")
    if accepts:
        try:
            approve_in_turn(session, row, wait, now, furthest_days=furthest_days)
        except InvalidInput:  # the day was closed since
            raise Conflict("nothing is offered any more", code="offer_over") from None
    outcome: PlaceOutcome = "left"
    if accepts:
        outcome = "taken" if row.status == "approved" else "over"
    waiting_list.end(session, wait, row, outcome, now)
    session.flush()
