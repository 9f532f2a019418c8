"""The link of a message to an office answers one visit: it cannot be guessed, and ends with the visit."""

from datetime import timedelta

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from contracts.errors import Conflict, IdempotencyKeyReused, InvalidInput, NotFound
from contracts.events import VisitorAnnounced, VisitorCalled
from contracts.rpc.approval.places import WaitCode
from contracts.rpc.approval.visits import ANSWER_BY_LINK, AnswerByLink, VisitLink
from contracts.rpc.call import Principal
from contracts.rpc.issuance import LinkCode, ShortLink
from services.approval.handlers import visit_links
from services.approval.handlers.announcements import digest
from services.approval.handlers.directory import put_department
from services.approval.models.visits import AnnouncementRow
from services.chassis.audit import record
from services.chassis.db.tables import audit_log
from tests.integration.approval.handlers.visiting import (
    ELEVEN,
    answer,
    contact,
    end,
    hear,
    inside,
    left,
    put,
    seen,
)
from tests.support.factories.approval import NOW, TUESDAY, by, department, ist, officer, published

LATER = ELEVEN + timedelta(minutes=40)
OTHER = "+919876500001"
HEADS = "q8Zr5uX0c2LmVw3T"
NOBODY = Principal(id="a hashed address")


def linked(database):
    """Return an application whose visitor has come, its review's id, and the code of the link about it."""
    put(database, contact())
    application, review_id = inside(database)
    return application, review_id, published(database, VisitorAnnounced)[-1].personal.link_code


def without_officer(database):
    with database.transaction() as session:
        put_department(session, department(officers=(officer("new"),)), NOW)


def look(database, code, at=ELEVEN):
    with database.transaction() as session:
        return visit_links.view(VisitLink(code=code), session, at)


def say(database, code, said="come_up", key=None, at=ELEVEN, **more):
    request, call = AnswerByLink(code=code, answer=said, **more), by(NOBODY, key)
    with record.recording(ANSWER_BY_LINK, request, call, None), database.transaction() as session:
        visit_links.answer(request, call, session, at)


def test_a_link_shows_and_answers_its_own_visit_without_a_name(approval_db) -> None:
    application, _, code = linked(approval_db)
    other = linked(approval_db)[0]
    shown = look(approval_db, code)
    assert (shown.reference, shown.state, shown.party) == (application.reference, "here", application.party)
    assert application.personal.applicant.name not in shown.model_dump_json()
    assert application.personal.purpose not in shown.model_dump_json()
    until = ELEVEN + timedelta(minutes=20)
    say(approval_db, code, "wait", wait_until=until)
    say(approval_db, code, "come_up", room="4-18")
    assert [(one.reference, one.answer) for one in published(approval_db, VisitorCalled)] == [
        (application.reference, "wait"), (application.reference, "come_up"),
    ]  # fmt: skip
    assert [one.reference for one in seen(approval_db).items] == [other.reference]
    assert look(approval_db, code).state == "called"


def test_the_log_names_the_visit_and_the_answer_whose_link_it_was(approval_db) -> None:
    application, _, code = linked(approval_db)
    say(approval_db, code)
    (event,) = published(approval_db, VisitorCalled)
    assert event.answered_by == "link:departments:home:home-secretary"
    with approval_db.transaction() as session:
        logged = audit_log.c
        rows = session.execute(
            select(logged.actor, logged.objects).where(logged.action == "answer_by_link")
        ).all()
    assert [tuple(one) for one in rows] == [("anonymous", [application.reference])]


def test_a_repeated_tap_tells_the_visitor_once(approval_db) -> None:
    _, _, code = linked(approval_db)
    for _ in range(2):
        say(approval_db, code, key="key-1")
    assert len(published(approval_db, VisitorCalled)) == 1
    with pytest.raises(IdempotencyKeyReused):
        say(approval_db, code, "not_today", key="key-1")


@pytest.mark.parametrize(
    "forge", [lambda code: code[:-1], lambda code: code + "A", str.swapcase, lambda _: "x"]
)
def test_another_code_opens_nothing(approval_db, forge) -> None:
    _, _, code = linked(approval_db)
    for act in (look, say):
        with pytest.raises(NotFound):
            act(approval_db, forge(code))
    assert published(approval_db, VisitorCalled) == []


def test_whoever_has_a_link_sends_no_more_than_so_many_messages(approval_db) -> None:
    _, review_id, code = linked(approval_db)
    for number in range(visit_links.MOST_ANSWERS):
        say(approval_db, code, "wait", wait_until=ELEVEN + timedelta(minutes=10 + number % 2))
    before = len(published(approval_db, VisitorCalled))
    for said in ("come_up", "not_today"):
        with pytest.raises(Conflict) as problem:
            say(approval_db, code, said)
        assert problem.value.body.code == "answered_too_often"
    assert len(published(approval_db, VisitorCalled)) == before
    answer(approval_db, review_id)
    assert published(approval_db, VisitorCalled)[-1].answer == "come_up", "the desk answers all the same"
    with approval_db.transaction() as session:
        (first,) = session.scalars(select(AnnouncementRow))
        of_head = {
            "recipient": "departments/home/home-under-secretary",
            "link_digest": digest(HEADS),
        }
        columns = ("review_id", "day", "about", "made_at", "answer_until")
        session.add(AnnouncementRow(**{name: getattr(first, name) for name in columns}, **of_head))
    put(approval_db, contact(), contact(officer="home-under-secretary", mobile=OTHER), at=NOW)
    say(approval_db, HEADS, "wait", wait_until=ELEVEN + timedelta(minutes=20))
    assert published(approval_db, VisitorCalled)[-1].answer == "wait", "another contact has their own six"


def test_a_link_silences_the_escalation_for_two_hours_and_not_for_the_day(approval_db) -> None:
    _, review_id, code = linked(approval_db)
    longest = ELEVEN + visit_links.LONGEST_WAIT
    with pytest.raises(InvalidInput) as problem:
        say(approval_db, code, "wait", wait_until=longest + timedelta(minutes=1))
    assert problem.value.body.fields[0].code == "wait_until_too_long"
    say(approval_db, code, "wait", wait_until=longest)
    answer(approval_db, review_id, "wait", wait_until=longest + timedelta(hours=1))
    assert published(approval_db, VisitorCalled)[-1].wait_until == longest + timedelta(hours=1), "signed in"


def test_who_signs_in_takes_back_what_a_link_has_said(approval_db) -> None:
    _, review_id, code = linked(approval_db)
    say(approval_db, code, "not_today")
    answer(approval_db, review_id)
    assert [one.state for one in seen(approval_db, "called").items] == ["called"]
    answer(approval_db, review_id, "not_today")
    with pytest.raises(Conflict):
        answer(approval_db, review_id)


@pytest.mark.parametrize("code", ["", "a\0b", "a b", "x" * 41, "../x"])
@pytest.mark.parametrize("kind", [VisitLink, LinkCode, ShortLink, WaitCode])
def test_what_is_no_code_is_refused_before_any_database_sees_it(kind, code) -> None:
    with pytest.raises(ValidationError):
        kind(code=code)


ENDS = {
    "closing": lambda database, one: None,
    "met": lambda database, one: end(database, one[1]),
    "not today": lambda database, one: answer(database, one[1], "not_today"),
    "not today by the link": lambda database, one: say(database, one[2], "not_today"),
    "left": lambda database, one: hear(database, left(one[0])),
    "contact removed": lambda database, one: put(database),
    "number changed": lambda database, one: put(database, contact(mobile=OTHER), at=LATER),
    "address changed": lambda database, one: put(database, contact(email="new@punjab.gov.in"), at=LATER),
    "officer removed": lambda database, _: without_officer(database),
}


@pytest.mark.parametrize("ending", ENDS)
def test_a_link_ends_with_its_visit_when_the_site_closes_and_with_its_contact(approval_db, ending) -> None:
    one = linked(approval_db)
    ENDS[ending](approval_db, one)
    at = ist(TUESDAY, 17) if ending == "closing" else LATER
    before = len(published(approval_db, VisitorCalled))
    for act in (look, say):
        with pytest.raises(NotFound):
            act(approval_db, one[2], at=at)
    assert len(published(approval_db, VisitorCalled)) == before


def test_what_is_refused_at_the_desk_is_refused_by_a_link(approval_db) -> None:
    _, _, code = linked(approval_db)
    for said in ({"said": "wait"}, {"room": "see http://example.org"}, {"room": "402"}):
        with pytest.raises(InvalidInput):
            say(approval_db, code, **said)
    assert published(approval_db, VisitorCalled) == []


def test_a_link_goes_on_until_its_own_contact_changes(approval_db) -> None:
    _, _, code = linked(approval_db)
    clerk = contact(officer="home-under-secretary", mobile=OTHER)
    for minute, own in enumerate((contact(), contact("digest"))):
        put(approval_db, own, clerk, at=ELEVEN + timedelta(minutes=minute))
        assert look(approval_db, code, at=LATER).state == "here"
    put(approval_db, contact(mobile=OTHER), clerk, at=ELEVEN + timedelta(minutes=3))
    put(approval_db, contact(), clerk, at=ELEVEN + timedelta(minutes=4))
    with pytest.raises(NotFound):
        look(approval_db, code, at=LATER)
