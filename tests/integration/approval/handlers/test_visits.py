"""Visits after the gate: scans in any order, what the office answers, how it ends."""

from datetime import timedelta
from itertools import permutations, product

import pytest
from sqlalchemy import delete

from contracts.errors import Conflict, Forbidden, InvalidInput, NotFound
from contracts.events import VisitEnded, VisitorArrived, VisitorCalled, VisitorSaid
from contracts.rpc.approval.visits import CalledQuestion
from services.approval.handlers import visit_words, visits
from services.approval.metrics import WORDS_WITHOUT_VISIT
from services.approval.models.visits import VisitRow
from tests.integration.approval.handlers.decide import withdraw
from tests.integration.approval.handlers.visiting import (
    ELEVEN,
    NINE,
    answer,
    approved,
    came,
    end,
    hear,
    inside,
    left,
    seen,
)
from tests.support.factories.approval import (
    TUESDAY,
    by,
    deliver,
    desk,
    ist,
    published,
    received,
    scanned,
    submitted,
    watcher,
)
from tests.support.factories.envelopes import example
from tests.support.stack.databases import owner_of


def test_a_visitor_is_expected_then_here_then_called_then_over(approval_db) -> None:
    application, review_id = approved(approval_db)
    shown = []
    for step in (
        lambda: None,
        lambda: hear(approval_db, came(application)),
        lambda: answer(approval_db, review_id, room="402"),
        lambda: end(approval_db, review_id),
    ):
        step()
        counts = seen(approval_db, at=NINE).counts
        assert sum(counts.values()) == 1
        (part,) = (one for one, count in counts.items() if count)
        (line,) = seen(approval_db, part, at=NINE).items
        shown.append((part, line.state))
    assert shown == [("expected", "expected"), ("here", "here"), ("called", "called"), ("met", "met")]


def test_the_first_entry_of_a_day_is_published_once_whatever_the_order_of_scans(approval_db) -> None:
    for order, is_gone in product(permutations(range(3)), (False, True)):
        application, _ = approved(approval_db)
        scans = [came(application, 5), came(application, 20), left(application, 30 if is_gone else 10)]
        for _ in range(2):
            for number in order:
                hear(approval_db, scans[number])
            (line,) = seen(approval_db, limit=1).items or seen(approval_db, "gone").items
            state = "gone" if is_gone else "here"
            assert (line.state, line.arrived_at) == (state, ist(TUESDAY, 11, 5)), order
        arrivals = [
            one
            for one in published(approval_db, VisitorArrived)
            if one.application_id == application.application_id
        ]
        assert len(arrivals) == 1
        end(approval_db, line.review_id)


def test_who_leaves_before_anybody_said_how_it_ended_is_gone(approval_db) -> None:
    application, review_id = approved(approval_db)
    hear(approval_db, came(application), left(application, 20, inside=1))
    assert seen(approval_db).counts["here"] == 1
    hear(approval_db, left(application, 40))
    assert [one.state for one in seen(approval_db, "gone").items] == ["gone"]
    end(approval_db, review_id, "not_met", reason="visitor_left")
    assert [one.state for one in seen(approval_db, "not_met").items] == ["not_met"]


def test_a_refused_scan_and_one_of_nobody_make_no_visit(approval_db) -> None:
    application, _ = approved(approval_db)
    hear(approval_db, scanned(application, ELEVEN, "id_mismatch"), scanned(submitted(), ELEVEN))
    assert {one: count for one, count in seen(approval_db).counts.items() if count} == {"expected": 1}
    assert published(approval_db, VisitorArrived) == []


def test_the_visitor_is_told_each_answer_and_the_newest_counts(approval_db) -> None:
    application, review_id = inside(approval_db)
    until = ELEVEN + timedelta(minutes=20)
    answer(approval_db, review_id, "wait", wait_until=until)
    assert [(one.state, one.wait_until) for one in seen(approval_db).items] == [("waits", until)]
    answer(approval_db, review_id, "somebody_else", room=" 12 ")
    told = published(approval_db, VisitorCalled)
    assert [(one.answer, one.wait_until, one.room) for one in told] == [
        ("wait", until, ""),
        ("somebody_else", None, "12"),
    ]
    assert told[0].personal.contact.mobile == application.personal.applicant.mobile


def test_not_today_ends_the_visit_and_nobody_can_be_called_after_it(approval_db) -> None:
    _, review_id = inside(approval_db)
    answer(approval_db, review_id, "not_today")
    (ended,) = published(approval_db, VisitEnded)
    assert (ended.outcome, ended.said_by) == ("not_met", "office")
    with pytest.raises(Conflict):
        answer(approval_db, review_id)


def test_who_has_left_is_told_nothing_and_may_come_back(approval_db) -> None:
    application, review_id = inside(approval_db)
    hear(approval_db, left(application))
    for said in ("come_up", "not_today"):
        with pytest.raises(Conflict) as refused:
            answer(approval_db, review_id, said)
        assert refused.value.body.code == "has_left"
    hear(approval_db, came(application, 40))
    answer(approval_db, review_id)
    assert len(published(approval_db, VisitorCalled)) == 1
    hear(approval_db, left(application, 50))
    end(approval_db, review_id)
    assert [one.outcome for one in published(approval_db, VisitEnded)] == ["met"], (
        "its end is said all the same"
    )


@pytest.mark.parametrize(
    "until", [None, ELEVEN - timedelta(minutes=2), ELEVEN + timedelta(days=1)], ids=["none", "past", "later"]
)
def test_a_visitor_waits_until_a_time_of_the_same_day_that_is_to_come(approval_db, until) -> None:
    _, review_id = inside(approval_db)
    with pytest.raises(InvalidInput):
        answer(approval_db, review_id, "wait", wait_until=until)
    assert published(approval_db, VisitorCalled) == []


def test_a_room_is_no_place_for_words_of_somebodys_own(approval_db) -> None:
    _, review_id = inside(approval_db)
    for words in (
        "see http://example.org",
        "example.org",
        "call 98765",
        "\u0a66" * 5,
        "room 402, and bring the fee",
        "ਕਮਰਾ\n402",
    ):
        with pytest.raises(InvalidInput):
            answer(approval_db, review_id, room=words)
    answer(approval_db, review_id, room="ਕਮਰਾ 4-31")
    assert [one.room for one in published(approval_db, VisitorCalled)] == ["ਕਮਰਾ 4-31"]


def test_a_repeated_tap_tells_the_visitor_once(approval_db) -> None:
    _, review_id = inside(approval_db)
    for _ in range(2):
        answer(approval_db, review_id, call=by(desk(), "key-1"))
        end(approval_db, review_id, call=by(desk(), "key-2"))
    assert len(published(approval_db, VisitorCalled)) == len(published(approval_db, VisitEnded)) == 1


def test_the_same_answer_again_tells_nobody(approval_db) -> None:
    _, review_id = inside(approval_db)
    until = ELEVEN + timedelta(minutes=20)
    for said in ({"said": "wait", "wait_until": until}, {"room": "402"}, {"room": "403"}):
        for _ in range(2):
            answer(approval_db, review_id, **said)
    assert [one.room for one in published(approval_db, VisitorCalled)] == ["", "402", "403"]


def test_another_department_and_another_day_see_and_answer_nobody(approval_db) -> None:
    _, review_id = inside(approval_db)
    finance = by(desk("finance", "FIN-0001"))
    assert sum(seen(approval_db, call=finance).counts.values()) == 0
    with pytest.raises(NotFound):
        answer(approval_db, review_id, call=finance)
    assert sum(seen(approval_db, at=ELEVEN + timedelta(days=1)).counts.values()) == 0
    with pytest.raises(NotFound):
        answer(approval_db, review_id, at=ELEVEN + timedelta(days=1))


def test_a_visit_is_still_seen_where_its_approval_was_withdrawn_after_the_gate(approval_db) -> None:
    _, review_id = inside(approval_db)
    withdraw(approval_db, review_id)
    assert [(one.state, one.start) for one in seen(approval_db).items] == [("here", None)]


def test_pages_follow_each_other_without_a_gap(approval_db) -> None:
    people = [approved(approval_db)[0] for _ in range(5)]
    hear(approval_db, *(came(one, minute) for minute, one in enumerate(people)))
    found, after = [], None
    while True:
        page = seen(approval_db, limit=2, after=after)
        found += [one.reference for one in page.items]
        after = page.next
        if after is None:
            break
    assert found == [one.reference for one in people]


def says(database, application, outcome, minute=0):
    event = example(VisitorSaid, application, outcome=outcome)
    with database.transaction() as session:
        at = ELEVEN + timedelta(minutes=minute)
        visit_words.handle_visitor_said(received(event, 3, at), session)


def test_the_newest_word_of_a_visitor_stands_beside_that_of_the_office(approval_db) -> None:
    application, review_id = approved(approval_db)
    with pytest.raises(visit_words.UnknownVisit):
        says(approval_db, application, "not_met")
    hear(approval_db, came(application))
    end(approval_db, review_id, "met")
    says(approval_db, application, "not_met", 30)
    says(approval_db, application, "met", 10)
    assert [(one.state, one.visitor_says) for one in seen(approval_db, "met").items] == [("met", "not_met")]


def test_a_word_from_before_visits_were_stored_is_counted_and_not_tried_for_ever(approval_db) -> None:
    application, review_id = inside(approval_db)
    with owner_of(approval_db).transaction() as session:
        session.execute(delete(VisitRow).where(VisitRow.review_id == review_id))
    before = WORDS_WITHOUT_VISIT._value.get()
    says(approval_db, application, "met")
    assert WORDS_WITHOUT_VISIT._value.get() == before + 1


def test_a_word_waits_for_its_entry_however_long_ago_it_was_said(approval_db) -> None:
    """After an outage of approval entries and words come together, in any order."""
    application, _ = approved(approval_db)
    for about in (application, submitted()):
        with pytest.raises(visit_words.UnknownVisit):
            says(approval_db, about, "not_met", -180)
    hear(approval_db, came(application, 30, hour=7))
    says(approval_db, application, "not_met", -180)
    assert [one.visitor_says for one in seen(approval_db).items] == ["not_met"]


def test_the_clock_of_a_gate_may_be_a_little_ahead_of_a_word(approval_db) -> None:
    application, _ = approved(approval_db)
    hear(approval_db, came(application, 4))
    says(approval_db, application, "met")
    assert [one.visitor_says for one in seen(approval_db).items] == ["met"]
    other, _ = approved(approval_db)
    hear(approval_db, came(other, 6))
    with pytest.raises(visit_words.UnknownVisit):
        says(approval_db, other, "met")


def test_who_differs_about_a_visit_is_seen_for_a_month_by_their_own_department(approval_db) -> None:
    differing, agreeing = approved(approval_db), approved(approval_db)
    for application, review_id in (differing, agreeing):
        hear(approval_db, came(application))
        end(approval_db, review_id, "met")
    says(approval_db, differing[0], "not_met", 30)
    says(approval_db, agreeing[0], "met", 30)
    for days, expected in ((0, 1), (30, 1), (31, 0)):
        found = seen(approval_db, "differ", at=ELEVEN + timedelta(days=days))
        assert (len(found.items), found.counts["differ"]) == (expected, expected), days
        assert all(one.reference == differing[0].reference and one.day == TUESDAY for one in found.items)
    assert seen(approval_db, "differ", by(desk("finance", "FIN-0001"))).counts["differ"] == 0


def test_counts_tell_who_is_late_and_who_waits_at_the_reception(approval_db) -> None:
    approved(approval_db)
    waits = submitted(channel="counter")
    deliver(approval_db, waits, at=NINE)
    for at, expected in (
        (NINE, {"expected": 1, "reception": 1}),
        (ELEVEN, {"expected": 1, "reception": 1}),
        (ELEVEN + timedelta(hours=1), {"late": 1, "reception": 1}),
    ):
        counts = seen(approval_db, at=at).counts
        assert {one: count for one, count in counts.items() if count} == expected
        for part in expected:
            assert len(seen(approval_db, part, at=at).items) == 1
    assert [one.reference for one in seen(approval_db, "reception").items] == [waits.reference]


def called(database, principal, at=ELEVEN, **more):
    with database.transaction() as session:
        found = visits.list_called(CalledQuestion(**more), by(principal), session, at)
        return [(one.reference, one.room) for one in found.items]


def test_the_hall_calls_by_reference_whom_the_office_lets_come_until_they_are_met(approval_db) -> None:
    reception, elsewhere = watcher("REC-0001", "reception"), watcher("REC-0002", "reception")
    here, other = (
        one.model_copy(update={"site": site}) for one, site in ((reception, "T1"), (elsewhere, "T2"))
    )
    first, first_review = approved(approval_db)
    second, second_review = approved(approval_db)
    hear(approval_db, came(first), came(second))
    assert called(approval_db, here) == []
    answer(approval_db, first_review, room="402")
    answer(approval_db, second_review, at=ELEVEN + timedelta(minutes=1))
    soon = ELEVEN + timedelta(minutes=2)
    assert called(approval_db, here, soon) == [(second.reference, ""), (first.reference, "402")]
    assert called(approval_db, other, soon) == []
    assert called(approval_db, here, ELEVEN + timedelta(minutes=45)) == []
    end(approval_db, first_review)
    assert called(approval_db, here, soon) == [(second.reference, "")]
    screen = watcher("KIO-0001", "kiosk")
    of_site, of_other = (screen.model_copy(update={"site": site}) for site in ("T1", "T2"))
    assert called(approval_db, of_site, soon, site="T2") == [(second.reference, "")], "of its own site alone"
    assert called(approval_db, of_other, soon, site="T1") == []
    for nobody in (desk(), screen):
        with pytest.raises(Forbidden):
            called(approval_db, nobody)
