"""Queries: a department's queue in pages, a search, one review; nobody sees another department's."""

from datetime import timedelta

import pytest
from stdnum import luhn

from contracts.crockford import ALPHABET
from contracts.errors import Forbidden, InvalidInput, NotFound
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.approval import Forward, ReviewId, ReviewQuestion, ReviewSearch, Whereabouts
from contracts.rpc.call import Principal
from services.approval.handlers import decisions, queries
from tests.support.factories.approval import (
    AUDITOR,
    NOW,
    approval,
    by,
    cancelled,
    deliver,
    desk,
    fill_directory,
    pending,
    person,
    personal,
    review_id_of,
    submitted,
)

NO_DESK = [
    Principal(),
    Principal(kind="applicant", id="a", mobile="+919876543210"),
    Principal(kind="staff", id="SEC-0001", login_id="SEC-0001", role="security", site="T1"),
    Principal(kind="staff", id="HOM-0009", login_id="HOM-0009", role="reception", department="home"),
    Principal(kind="staff", id="HOM-0009", login_id="HOM-0009", role="department"),
]


@pytest.fixture
def approval_db(databases):
    fill_directory(databases["approval"])
    return databases["approval"]


def queue(database, principal=None, **question):
    with database.transaction() as session:
        return queries.list_reviews(ReviewQuestion(**question), by(principal or desk()), session)


def search(database, q, principal=None):
    with database.transaction() as session:
        return [
            one.reference
            for one in queries.search_reviews(ReviewSearch(q=q), by(principal or desk()), session).items
        ]


def waiting(database, minutes_ago, **changes) -> str:
    event = submitted(**changes)
    deliver(database, event, at=NOW - timedelta(minutes=minutes_ago))
    return event.reference


def named(name, latin) -> dict:
    return {"personal": personal(applicant=person(name=name, name_latin=latin))}


def test_the_longest_waiting_comes_first(approval_db) -> None:
    references = [waiting(approval_db, minutes) for minutes in (10, 30, 20)]
    assert [one.reference for one in queue(approval_db).items] == [
        references[1],
        references[2],
        references[0],
    ]


def test_pages_hold_each_review_once_also_where_many_came_at_the_same_instant(approval_db) -> None:
    references = {waiting(approval_db, 10) for _ in range(5)} | {
        waiting(approval_db, minutes) for minutes in (1, 20)
    }
    seen, after = [], None
    while True:
        page = queue(approval_db, limit=2, after=after)
        assert len(page.items) <= 2
        seen += [one.reference for one in page.items]
        after = page.next
        if after is None:
            break
    assert len(seen) == 7
    assert set(seen) == references
    assert queue(approval_db, limit=7).next is None


def test_a_page_is_not_shifted_by_what_was_decided_meanwhile(approval_db) -> None:
    first, second, third = (waiting(approval_db, minutes) for minutes in (30, 20, 10))
    page = queue(approval_db, status="pending", limit=1)
    with approval_db.transaction() as session:
        decisions.approve(approval(page.items[0].id), by(desk()), session, NOW, furthest_days=30)
    assert [
        one.reference for one in queue(approval_db, status="pending", limit=1, after=page.next).items
    ] == [second]
    assert first not in [one.reference for one in queue(approval_db, status="pending").items]
    assert third in [one.reference for one in queue(approval_db, status="pending").items]


@pytest.mark.parametrize(
    "cursor", ["nonsense", "", "AAAA", "%%%", "MjAyNi0wMS0wMSBub3QtYS11dWlk", "ਗ", "MjAyNi0wMS0wMQ=="]
)
def test_a_foreign_cursor_is_refused(approval_db, cursor) -> None:
    with pytest.raises(InvalidInput) as refusal:
        queue(approval_db, after=cursor)
    assert refusal.value.body.fields[0].code == "not_a_cursor"


def test_the_queue_can_be_narrowed_to_one_status(approval_db) -> None:
    open_one = pending(approval_db)
    approved = pending(approval_db)
    with approval_db.transaction() as session:
        decisions.approve(approval(approved), by(desk()), session, NOW, furthest_days=30)
    ended = submitted()
    deliver(approval_db, ended)
    deliver(approval_db, cancelled(ended), 2)
    by_status = {
        status: [one.id for one in queue(approval_db, status=status).items]
        for status in ("pending", "approved", "closed", "rejected")
    }
    assert by_status == {
        "pending": [open_one],
        "approved": [approved],
        "closed": [review_id_of(approval_db, ended.application_id)],
        "rejected": [],
    }
    assert len(queue(approval_db).items) == 3


def test_a_department_sees_its_own_reviews_only_and_an_auditor_all(approval_db) -> None:
    home, finance = waiting(approval_db, 5), waiting(approval_db, 4, department="finance")
    assert [one.reference for one in queue(approval_db).items] == [home]
    assert [one.reference for one in queue(approval_db, desk("finance", "FIN-0001")).items] == [finance]
    assert [one.reference for one in queue(approval_db, AUDITOR).items] == [home, finance]
    assert search(approval_db, finance) == []
    assert search(approval_db, finance, AUDITOR) == [finance]
    assert search(approval_db, "Gurpreet") == [home]


def test_another_departments_review_is_not_found(approval_db) -> None:
    review_id = pending(approval_db, department="finance")
    with approval_db.transaction() as session:
        assert (
            queries.view_review(ReviewId(review_id=review_id), by(desk("finance", "FIN-0001")), session).id
            == review_id
        )
        assert queries.view_review(ReviewId(review_id=review_id), by(AUDITOR), session).id == review_id
        with pytest.raises(NotFound):
            queries.view_review(ReviewId(review_id=review_id), by(desk()), session)


@pytest.mark.parametrize("principal", NO_DESK, ids=lambda one: str(one.role or one.kind))
def test_a_principal_without_a_department_reads_nothing(approval_db, principal) -> None:
    review_id = pending(approval_db)
    with pytest.raises(Forbidden):
        queue(approval_db, principal)
    with pytest.raises(Forbidden):
        search(approval_db, "Gurpreet", principal)
    with approval_db.transaction() as session, pytest.raises(Forbidden):
        queries.view_review(ReviewId(review_id=review_id), by(principal), session)


def test_a_reference_is_found_however_it_is_typed(approval_db) -> None:
    waiting(approval_db, 4)
    reference = waiting(approval_db, 5, reference=f"PCS-01AB-CDE{luhn.calc_check_digit('01ABCDE', ALPHABET)}")
    code = reference.removeprefix("PCS-")
    looks_like = reference.replace("0", "O").replace("1", "l")
    for typed in (
        reference,
        reference.lower(),
        code,
        code.replace("-", ""),
        f" {reference.replace('-', ' ')} ",
        looks_like,
    ):
        assert search(approval_db, typed) == [reference], typed


def test_part_of_a_name_finds_in_any_case_and_script(approval_db) -> None:
    gurpreet = waiting(approval_db, 5)
    waiting(approval_db, 4, **named("Baldev", "Baldev"))
    for typed in ("gurp", "PREET", "ਗੁਰਪ੍ਰੀਤ", "et ka"):
        assert search(approval_db, typed) == [gurpreet], typed


def test_signs_that_a_pattern_would_read_are_letters_like_others(approval_db) -> None:
    waiting(approval_db, 5)
    odd = waiting(approval_db, 4, **named("100%_\\x", "100%_\\x"))
    for typed in ("0%", "%_", "_\\", "\\x"):
        assert search(approval_db, typed) == [odd], typed
    assert search(approval_db, "%%") == []
    assert search(approval_db, "__") == []
    assert search(approval_db, "Gurpreet\x00") != []


def test_a_search_returns_the_newest_fifty_the_longest_waiting_first(approval_db) -> None:
    references = [waiting(approval_db, minutes) for minutes in range(60, 0, -1)]
    assert search(approval_db, "Gurpreet") == references[10:]


def where(database, reference) -> Whereabouts:
    with database.transaction() as session:
        return queries.whereabouts(ReferenceOnly(reference=reference), session)


def test_whereabouts_exist_only_for_an_application_that_waits(approval_db) -> None:
    reference = waiting(
        approval_db, 60, reference=f"PCS-01AB-CDE{luhn.calc_check_digit('01ABCDE', ALPHABET)}"
    )
    assert where(approval_db, reference.lower()) == Whereabouts(
        department="home", since=NOW - timedelta(minutes=60)
    )
    review_id = queue(approval_db).items[0].id
    with approval_db.transaction() as session:
        decisions.forward(
            Forward(review_id=review_id, officer="home-secretary"),
            by(desk()),
            session,
            NOW - timedelta(minutes=40),
        )
    assert where(approval_db, reference).since == NOW - timedelta(minutes=60), "it stays in the department"
    with approval_db.transaction() as session:
        decisions.forward(
            Forward(review_id=review_id, department="finance"),
            by(desk()),
            session,
            NOW - timedelta(minutes=20),
        )
    assert where(approval_db, reference) == Whereabouts(
        department="finance", since=NOW - timedelta(minutes=20)
    )
    with approval_db.transaction() as session:
        decisions.approve(
            approval(review_id), by(desk("finance", "FIN-0001")), session, NOW, furthest_days=30
        )
    for nothing in (reference, "PCS-0000-0000", "nonsense"):
        with pytest.raises(NotFound):
            where(approval_db, nothing)
