"""An office is told of its visitors: where it chose that, not too often, and once nobody answers."""

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from contracts.events import VisitorAnnounced
from contracts.model import Contact
from contracts.rpc.approval.decisions import Delegate
from contracts.rpc.approval.directory import DutyContact
from services.approval.handlers import announcements, delegations
from services.approval.handlers.directory import put_department
from services.approval.metrics import VISITS_ESCALATED
from services.approval.models.visits import AnnouncementRow
from services.chassis.db.tables import outbox
from tests.integration.approval.handlers.visiting import (
    ELEVEN,
    MOBILE,
    answer,
    approved,
    came,
    contact,
    end,
    hear,
    inside,
    left,
    put,
    seen,
)
from tests.support.factories.approval import (
    MONDAY,
    NOW,
    TUESDAY,
    by,
    department,
    desk,
    ist,
    officer,
    published,
    slot,
)
from tests.support.stack.concurrency import run_concurrently


def look(database, minute):
    """Run the job so many minutes after eleven; return which steps it took."""
    before = len(published(database, VisitorAnnounced))
    with database.transaction() as session:
        announcements.escalate_visits(session, ELEVEN + timedelta(minutes=minute))
    return [one.step for one in published(database, VisitorAnnounced)[before:]]


def told(database):
    return [one.about for one in published(database, VisitorAnnounced)]


def test_an_office_that_chose_it_is_told_at_once_and_the_message_has_a_link_of_its_own(approval_db) -> None:
    put(approval_db, contact("whatsapp"), language="hi")
    people = [approved(approval_db)[0] for _ in range(2)]
    hear(approval_db, *(came(one) for one in people))
    events = published(approval_db, VisitorAnnounced)
    assert {one.reference for one in events} == {one.reference for one in people}
    for one in events:
        assert (one.about, one.language, one.deliver_by, one.since) == ("arrived", "hi", "whatsapp", ELEVEN)
        assert one.personal.contact == Contact(mobile=MOBILE)
        assert one.answer_until == ist(TUESDAY, 17), "the site closes then"
    codes = [one.personal.link_code for one in events]
    assert len(set(codes)) == 2
    assert min(map(len, codes)) == 16
    with approval_db.transaction() as session:
        rows = session.scalars(select(AnnouncementRow)).all()
        clear = str(session.execute(select(outbox.c.data)).all())
    assert {one.link_digest for one in rows} == {announcements.digest(code) for code in codes}
    assert not any(secret in clear for secret in (*codes, MOBILE))


@pytest.mark.parametrize("contacts", [[contact("none")], [contact(officer="home-under-secretary")], []])
def test_who_did_not_choose_messages_gets_none(approval_db, contacts) -> None:
    put(approval_db, *contacts)
    inside(approval_db)
    assert told(approval_db) == []


def test_a_second_entry_of_the_day_tells_nobody_again(approval_db) -> None:
    put(approval_db, contact())
    application, _ = inside(approval_db)
    hear(approval_db, came(application, 20), came(application, 30))
    assert told(approval_db) == ["arrived"]


def test_an_entry_without_a_network_that_comes_late_tells_nobody_of_whom_has_left(approval_db) -> None:
    put(approval_db, contact())
    gone, stays, of_yesterday = (approved(approval_db)[0] for _ in range(3))
    hear(approval_db, came(gone), left(gone), came(stays), at=ist(TUESDAY, 14))
    hear(approval_db, came(of_yesterday), at=ist(TUESDAY, 11) + timedelta(days=1))
    assert [one.reference for one in published(approval_db, VisitorAnnounced)] == [stays.reference]
    with approval_db.transaction() as session:
        expires = session.scalar(select(outbox.c.expires_at).where(outbox.c.type == "VisitorAnnounced"))
    assert expires == ist(TUESDAY, 17)


def test_an_exit_that_is_heard_of_before_its_entry_tells_nobody_and_asks_nobody(approval_db) -> None:
    put(approval_db, contact())
    application, _ = approved(approval_db)
    hear(approval_db, left(application))
    hear(approval_db, came(application, hour=10), at=ist(TUESDAY, 13))
    assert [one.reference for one in seen(approval_db, "gone").items] == [application.reference]
    assert look(approval_db, 120) == []
    assert told(approval_db) == []


def test_who_went_out_unanswered_and_comes_back_is_brought_to_others_again(approval_db) -> None:
    put(approval_db, contact("none"))
    application, _ = approved(approval_db)
    hear(approval_db, came(application), left(application, 5))
    assert look(approval_db, 60) == []
    hear(approval_db, came(application, hour=13), at=ist(TUESDAY, 13))
    assert [look(approval_db, minute) for minute in (149, 179, 180)] == [[], [], ["head"]]


def test_who_went_out_and_came_back_is_brought_to_others_again_also_where_both_are_heard_together(
    approval_db,
) -> None:
    put(approval_db, contact("none"))
    application, _ = inside(approval_db)
    assert [look(approval_db, minute) for minute in (60, 90)] == [["head"], []]
    hear(approval_db, left(application, 55), came(application, 30, hour=13), at=ist(TUESDAY, 13, 30))
    assert [look(approval_db, minute) for minute in (209, 210)] == [[], ["head"]]


UNDER = "home-under-secretary"


@pytest.mark.parametrize(
    ("others", "mobile"),
    [((officer(UNDER),), "+919876500000"), ((officer(UNDER, closed=True),), MOBILE), ((), MOBILE)],
    ids=["there", "closed", "not in the directory"],
)
def test_the_message_goes_to_whom_the_visitor_is_to_meet_and_to_the_head_where_they_left(
    approval_db, others, mobile
) -> None:
    put(approval_db, contact(officer=UNDER, mobile="98765 00000"), contact())
    application, _ = approved(approval_db, officer=UNDER)
    with approval_db.transaction() as session:
        put_department(session, department(officers=(officer(), *others)), NOW)
    hear(approval_db, came(application))
    (event,) = published(approval_db, VisitorAnnounced)
    assert event.personal.contact.mobile == mobile


def test_after_so_many_messages_one_leads_to_all_and_then_there_is_none_until_noon(approval_db) -> None:
    put(approval_db, contact())
    for _ in range(5):
        hear(approval_db, came(approved(approval_db)[0]), arrival_messages=2)
    assert told(approval_db) == ["arrived", "arrived", "many"]
    assert published(approval_db, VisitorAnnounced)[-1].personal.link_code == ""
    hear(approval_db, came(approved(approval_db)[0], hour=14), at=ist(TUESDAY, 14), arrival_messages=2)
    assert told(approval_db)[3:] == ["arrived"]


def test_a_digest_is_one_message_in_the_morning_and_one_in_the_afternoon(approval_db) -> None:
    put(approval_db, contact("digest"))
    for hour in (10, 11, 12, 14, 15):
        hear(approval_db, came(approved(approval_db)[0], hour=hour), at=ist(TUESDAY, hour))
    assert told(approval_db) == ["many", "many"]


def test_a_digest_is_not_lost_to_a_message_about_somebody_whom_nobody_answers(approval_db) -> None:
    put(approval_db, contact("none"))
    inside(approval_db)
    assert look(approval_db, 60) == ["head"]
    put(approval_db, contact("digest"), at=NOW + timedelta(minutes=1))
    for minute in (70, 80):
        hear(approval_db, came(approved(approval_db)[0]), at=ELEVEN + timedelta(minutes=minute))
    assert told(approval_db) == ["unanswered", "many"]


def test_visitors_who_come_through_two_gates_at_once_are_counted_together(approval_db) -> None:
    put(approval_db, contact())
    people = [approved(approval_db)[0] for _ in range(6)]
    run_concurrently(*(partial(hear, approval_db, came(one), arrival_messages=3) for one in people))
    assert Counter(told(approval_db)) == {"arrived": 3, "many": 1}


def test_who_waits_without_an_answer_is_brought_to_the_stand_in_the_head_and_the_reception_once(
    approval_db,
) -> None:
    put(approval_db, contact("none"))
    put(approval_db, DutyContact(mobile="98765 00000"), kind="sites", code="T1", language="pa")
    counted = VISITS_ESCALATED.labels("home", "reception")._value.get()
    inside(approval_db)
    steps = [look(approval_db, minute) for minute in (29, 31, 45, 60, 61, 90, 120)]
    assert steps == [[], [], [], ["head"], [], ["reception"], []], "nobody stands in, so that step is silent"
    events = published(approval_db, VisitorAnnounced)
    assert [bool(one.personal.link_code) for one in events] == [True, False], "the reception answers nobody"
    assert {(one.about, one.since) for one in events} == {("unanswered", ELEVEN)}
    assert VISITS_ESCALATED.labels("home", "reception")._value.get() == counted + 1


def test_the_stand_in_of_the_day_of_the_visit_is_asked_and_a_step_that_tells_nobody_is_not_counted(
    approval_db,
) -> None:
    put(approval_db, contact("none", officer=UNDER))
    with approval_db.transaction() as session:
        put_department(session, department(officers=(officer(), officer(UNDER))), NOW)
    wished = (slot(MONDAY, "15:00", "16:00"), slot())
    hear(approval_db, came(approved(approval_db, officer="home-secretary", preferred=wished)[0]))
    away = Delegate(
        officer="home-secretary", login="HOM-0002", first_day=TUESDAY, last_day=TUESDAY, stand_in=UNDER
    )
    with approval_db.transaction() as session:
        delegations.delegate(away, by(desk()), session, NOW)
    counted = {step: VISITS_ESCALATED.labels("home", step) for step in ("stand_in", "head")}
    before = {step: one._value.get() for step, one in counted.items()}
    assert [look(approval_db, minute) for minute in (30, 60)] == [["stand_in"], []]
    assert {step: one._value.get() - before[step] for step, one in counted.items()} == {
        "stand_in": 1, "head": 0,
    }  # fmt: skip


def test_an_entry_that_is_heard_of_late_asks_one_after_the_other_from_then_on(approval_db) -> None:
    put(approval_db, contact("none"))
    put(approval_db, DutyContact(mobile="98765 00000"), kind="sites", code="T1", language="pa")
    heard, back = (approved(approval_db)[0] for _ in range(2))
    hear(approval_db, came(back, hour=10), left(back, 5))
    hear(approval_db, came(heard), came(back, 10), at=ist(TUESDAY, 14))
    steps = [sorted(look(approval_db, minute)) for minute in (181, 210, 239, 240, 269, 270)]
    assert steps == [[], [], [], ["head"] * 2, [], ["reception"] * 2]
    assert {one.since for one in published(approval_db, VisitorAnnounced)} == {
        ELEVEN, ELEVEN + timedelta(minutes=10)
    }  # fmt: skip


def test_nobody_is_told_of_an_entry_once_the_site_has_closed_since(approval_db) -> None:
    put(approval_db, contact())
    (early, asks), late = (approved(approval_db)[0] for _ in range(2)), approved(approval_db)[0]
    hear(approval_db, came(asks, 45, hour=16), at=ist(TUESDAY, 16, 45))
    assert told(approval_db) == ["arrived"]
    hear(approval_db, came(early), came(late, 20, hour=17), at=ist(TUESDAY, 17, 30))
    assert [one.reference for one in published(approval_db, VisitorAnnounced)][1:] == [late.reference]
    assert look(approval_db, 60 * 7 + 30) == ["head"], "of who came after the closing"


def test_who_comes_to_two_departments_is_counted_together_for_their_reception(
    approval_db, monkeypatch
) -> None:
    monkeypatch.setattr(announcements, "BATCH", 1)
    put(approval_db, DutyContact(mobile="98765 00000"), kind="sites", code="T1", language="pa")
    people = [approved(approval_db, department=of)[0] for of in ("home", "finance") * 3]
    hear(approval_db, *map(came, people))

    def escalate():
        with approval_db.transaction() as session:
            return announcements.escalate_visits(session, ELEVEN + timedelta(hours=2), arrival_messages=2)

    run_concurrently(*[escalate] * 6)
    while escalate():
        pass
    assert Counter(told(approval_db)) == {"unanswered": 2, "many": 1}


def test_an_answer_an_exit_and_an_end_stop_the_escalation_and_a_wait_that_is_over_begins_it_anew(
    approval_db,
) -> None:
    put(approval_db, contact("none"))
    answered, gone, ended, waits = (approved(approval_db) for _ in range(4))
    hear(approval_db, *(came(one) for one, _ in (answered, gone, ended, waits)), left(gone[0], 5))
    answer(approval_db, answered[1])
    end(approval_db, ended[1], "not_met", reason="visitor_left")
    answer(approval_db, waits[1], "wait", wait_until=ELEVEN + timedelta(minutes=30))
    assert look(approval_db, 89) == []
    assert look(approval_db, 90) == ["head"]
    assert published(approval_db, VisitorAnnounced)[0].reference == waits[0].reference


def test_two_replicas_escalate_a_visit_once(approval_db) -> None:
    put(approval_db, contact("none"))
    hear(approval_db, *(came(approved(approval_db)[0]) for _ in range(4)))
    run_concurrently(*[partial(look, approval_db, 60)] * 2)
    look(approval_db, 60)
    assert told(approval_db) == ["unanswered"] * 4


def test_nobody_is_asked_on_another_day(approval_db) -> None:
    put(approval_db, contact("none"))
    counted = VISITS_ESCALATED.labels("home", "head")._value.get()
    inside(approval_db)
    assert look(approval_db, 24 * 60) == []
    assert VISITS_ESCALATED.labels("home", "head")._value.get() == counted


def test_the_desk_shows_who_waits_longer_than_they_should(approval_db) -> None:
    inside(approval_db)
    shown = [seen(approval_db, at=ELEVEN + timedelta(minutes=minute)).items for minute in (29, 30)]
    assert [line.is_overdue for (line,) in shown] == [False, True]
