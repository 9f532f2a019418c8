"""Visitors who come, and what their office says, for the tests of visits after the gate."""

from contracts.rpc.approval.directory import DutyContact, DutyPlace, PutDutyContacts
from contracts.rpc.approval.visits import AnswerVisit, EndVisit, VisitQuestion
from contracts.rpc.call import Principal
from services.approval.handlers import duty_contacts, event_handlers, visits
from tests.integration.approval.handlers.decide import approve
from tests.support.factories.approval import (
    NOW,
    TUESDAY,
    by,
    deliver,
    desk,
    ist,
    received,
    review_id_of,
    scanned,
    submitted,
)

ADO = Principal(kind="staff", id="ADO-0001", login_id="ADO-0001", role="ado")
MOBILE = "+919876543210"
NINE, ELEVEN = ist(TUESDAY, 9), ist(TUESDAY, 11)


def approved(database, **changes):
    """Return an application that is approved for Tuesday, 10 to 12, and its review's id."""
    event = submitted(**changes)
    deliver(database, event)
    review_id = review_id_of(database, event.application_id)
    approve(database, review_id, by(desk(changes.get("department", "home"))))
    return event, review_id


def hear(database, *scans, at=ELEVEN, **settings):
    with database.transaction() as session:
        event_handlers.handle_passes_scanned([received(one, 2) for one in scans], session, at, **settings)


def came(application, minute=0, hour=11):
    return scanned(application, ist(TUESDAY, hour, minute))


def inside(database, **changes):
    """Return an application whose visitor has come, and its review's id."""
    application, review_id = approved(database, **changes)
    hear(database, came(application))
    return application, review_id


def left(application, minute=30, inside=0):
    return scanned(application, ist(TUESDAY, 11, minute), "exit").model_copy(update={"inside": inside})


def seen(database, part="here", call=None, at=ELEVEN, **more):
    with database.transaction() as session:
        return visits.list_visits(VisitQuestion(part=part, **more), call or by(desk()), session, at)


def answer(database, review_id, said="come_up", call=None, at=ELEVEN, **more):
    with database.transaction() as session:
        visits.answer(AnswerVisit(review_id=review_id, answer=said, **more), call or by(desk()), session, at)


def end(database, review_id, outcome="met", call=None, at=ELEVEN, **more):
    with database.transaction() as session:
        visits.end(EndVisit(review_id=review_id, outcome=outcome, **more), call or by(desk()), session, at)


def contact(arrivals="sms", officer="home-secretary", **more):
    return DutyContact(**{"officer": officer, "mobile": MOBILE, "arrivals": arrivals, **more})


def put(database, *contacts, at=NOW, **place):
    """Set the duty contacts of a department, or of a reception."""
    facts = {"kind": "departments", "code": "home", "language": "hi", **place}
    with database.transaction() as session:
        known = duty_contacts.view(DutyPlace(kind=facts["kind"], code=facts["code"]), by(ADO), session)
        request = PutDutyContacts(contacts=contacts, was=known.revision, **facts)
        duty_contacts.put(request, by(ADO), session, at)
