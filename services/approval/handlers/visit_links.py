"""The link in a message to an office: it shows and answers one visit, and nothing else.

Its code is random and only its digest is stored. It ends when the site closes, with the visit, and when the
contact to whom the message went is removed or has another address. Nobody signs in, so the audit log names
the reference, and the answer that contact.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.errors import Conflict, InvalidInput, NotFound
from contracts.rpc.approval.visits import ANSWER_BY_LINK, AnswerByLink, LinkedVisit, VisitLink
from contracts.rpc.call import Call, Nothing
from services.approval.domain.visit_states import PROBLEMS, Answer
from services.approval.handlers.announcements import digest
from services.approval.handlers.directory import department_record
from services.approval.handlers.duty_contacts import is_contact_since
from services.approval.handlers.visits import BY_LINK, give_answer
from services.approval.models.reviews import BookingRow, ReviewRow
from services.approval.models.visits import AnnouncementRow, VisitRow
from services.chassis.audit.record import note_object
from services.chassis.rpc.idempotency import once

MOST_ANSWERS = 6
"""So often one link answers: each answer is a message to the visitor. Another contact has their own six."""
LONGEST_WAIT = timedelta(hours=2)
"""So far ahead a link may ask to wait: until then nobody else is asked, and the message may be passed on."""


def view(request: VisitLink, session: Session, now: datetime) -> LinkedVisit:
    """Return the visit of a link.

    Raises:
        NotFound: there is no such link, or it has ended.
    """
    announced, review, row = _found(session, request.code, now)
    booking = session.get(BookingRow, (row.review_id, row.day))
    return LinkedVisit.from_attributes(
        row,
        reference=review.reference,
        officer=review.officer,
        party=review.application.party,
        start=booking.start if booking else None,
        end=booking.end if booking else None,
        answer_until=announced.answer_until,
    )


def answer(
    request: AnswerByLink, call: Call, session: Session, now: datetime, *, visit_wait_minutes: int = 30
) -> Nothing:
    """Tell the visitor of a link what the office says. The newest answer counts.

    It names no room but one of the department's officers: the screen of the hall and a message show it.

    Raises:
        NotFound: as `view`.
        Conflict: ``answered_too_often``; or as `visit_states.checked`.
        InvalidInput: ``room_invalid``, ``wait_until_too_long``; or as `visit_states.checked`.
    """

    def effect() -> str:
        announced, review, row = _found(session, request.code, now, lock=True)
        note_object(review.reference)
        if (announced.link_answers or 0) >= MOST_ANSWERS:
            raise Conflict("this link has answered too often", code="answered_too_often")
        announced.link_answers = (announced.link_answers or 0) + 1
        by = f"{BY_LINK}{announced.recipient.replace('/', ':')}"[:64]
        said = Answer(request.answer, request.wait_until, request.room.strip())
        department = department_record(session, row.department)
        rooms = {one.room.strip() for one in department.officers} if department else set()
        if said.lets_come and said.room not in rooms | {""}:
            raise InvalidInput.of("room", "room_invalid", PROBLEMS["room_invalid"])
        if said.answer == "wait" and said.wait_until is not None and said.wait_until > now + LONGEST_WAIT:
            raise InvalidInput.of("wait_until", "wait_until_too_long", PROBLEMS["wait_until_too_long"])
        give_answer(session, review, row, said, by, now, timedelta(minutes=visit_wait_minutes))
        return ""

    route = f"approval.{ANSWER_BY_LINK.name}"
    return once(session, call, route, request, effect, lambda _: Nothing(), reference=str)


def _found(
    session: Session, code: str, now: datetime, *, lock: bool = False
) -> tuple[AnnouncementRow, ReviewRow, VisitRow]:
    told, row = AnnouncementRow, VisitRow
    query = (
        select(told, ReviewRow, row)
        .join(row, (row.review_id == told.review_id) & (row.day == told.day))
        .join(ReviewRow, ReviewRow.id == row.review_id)
        .where(told.link_digest == digest(code), told.answer_until > now, row.outcome.is_(None))
    )
    found = session.execute(query.with_for_update(of=(row, told)) if lock else query).first()
    if (
        found is None
        or found[2].state == "gone"
        or not is_contact_since(session, found[0].recipient, found[0].made_at)
    ):
        raise NotFound("there is no visit behind this link")
    return found[0], found[1], found[2]
