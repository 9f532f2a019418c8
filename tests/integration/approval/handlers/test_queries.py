"""Queries: a department's queue in pages, a search, one review; nobody sees another department's."""

from datetime import date, timedelta

import psycopg
import pytest
from sqlalchemy import event
from stdnum import luhn

from bench import desk_queue
from contracts.crockford import ALPHABET
from contracts.errors import Forbidden, InvalidInput, NotFound
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.approval.decisions import Forward, Reject, Withdraw
from contracts.rpc.approval.reviews import ReviewId, ReviewQuestion, ReviewSearch, Whereabouts
from contracts.rpc.call import Principal
from services.approval.handlers import decisions, queries, scheduled_jobs
from services.approval.handlers.scheduled_jobs import plan_visits
from tests.support.factories.approval import (
    AUDITOR,
    MONDAY,
    NOW,
    TUESDAY,
    approval,
    by,
    cancelled,
    deliver,
    desk,
    pending,
    person,
    personal,
    review_id_of,
    slot,
    submitted,
)
from tests.support.stack.databases import execute, owner_of
from tests.support.stack.extent import few_of

THURSDAY = date(2026, 3, 5)

NO_DESK = [
    Principal(),
    Principal(kind="staff", id="HOM-0009", login_id="HOM-0009", role="reception", department="home"),
    Principal(kind="staff", id="HOM-0009", login_id="HOM-0009", role="department"),
    AUDITOR,
]


def queue(database, principal=None, **question):
    with database.transaction() as session:
        return queries.list_reviews(ReviewQuestion(**question), by(principal or desk()), session, NOW)


def search(database, q, principal=None):
    with database.transaction() as session:
        return [
            one.reference
            for one in queries.search_reviews(ReviewSearch(q=q), by(principal or desk()), session, NOW).items
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


def test_a_foreign_cursor_is_refused(approval_db) -> None:
    for cursor in ("nonsense", "", "MjAyNi0wMS0wMSBub3QtYS11dWlk"):
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


def test_a_department_sees_its_own_reviews_only(approval_db) -> None:
    home, finance = waiting(approval_db, 5), waiting(approval_db, 4, department="finance")
    assert [one.reference for one in queue(approval_db).items] == [home]
    assert [one.reference for one in queue(approval_db, desk("finance", "FIN-0001")).items] == [finance]
    assert search(approval_db, finance) == []
    assert search(approval_db, "Gurpreet") == [home]
    (theirs,) = queue(approval_db, desk("finance", "FIN-0001")).items
    with approval_db.transaction() as session:
        asked = ReviewId(review_id=theirs.id)
        assert queries.view_review(asked, by(desk("finance", "FIN-0001")), session, NOW).id == theirs.id
        with pytest.raises(NotFound):
            queries.view_review(asked, by(desk()), session, NOW)


def test_a_login_that_is_limited_to_a_site_sees_the_reviews_of_that_site_only(approval_db) -> None:
    reference, other = waiting(approval_db, 5), waiting(approval_db, 4, site="T2")
    limited = desk(site="T2")
    assert [one.reference for one in queue(approval_db, desk()).items] == [reference, other]
    assert [one.reference for one in queue(approval_db, limited).items] == [other]
    assert queue(approval_db, limited, counts=True).counts.by_status["pending"] == 1
    assert search(approval_db, reference, limited) == []
    (shown,) = queue(approval_db, desk(site="T1")).items
    with approval_db.transaction() as session, pytest.raises(NotFound):
        queries.view_review(ReviewId(review_id=shown.id), by(limited), session, NOW)


def test_a_principal_without_a_department_reads_nothing(approval_db) -> None:
    asked = ReviewId(review_id=pending(approval_db))
    for principal in NO_DESK:
        with pytest.raises(Forbidden):
            queue(approval_db, principal)
        with pytest.raises(Forbidden):
            search(approval_db, "Gurpreet", principal)
        with approval_db.transaction() as session, pytest.raises(Forbidden):
            queries.view_review(asked, by(principal), session, NOW)


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


def test_a_name_is_found_by_ear_in_another_script(approval_db) -> None:
    reference = waiting(approval_db, 5, **named("ਬਲਵਿੰਦਰ ਸਿੰਘ", "Balwinder Singh"))
    waiting(approval_db, 4, **named("Baldev", "Baldev"))
    assert search(approval_db, "Balvinder") == search(approval_db, "बलविंदर") == [reference]


def test_a_part_of_the_purpose_finds_too(approval_db) -> None:
    reference = waiting(approval_db, 5, personal=personal(purpose="Mutation of land, khasra 27"))
    waiting(approval_db, 4)
    assert search(approval_db, "KHASRA 27") == [reference]


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
        return queries.whereabouts(ReferenceOnly(reference=reference), by(Principal()), session)


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


def at_desk(database, **question):
    return [one.reference for one in queue(database, status="pending", order="visit", **question).items]


def for_day(day, *more, **changes) -> dict:
    return {"preferred": tuple(slot(one) for one in (day, *more)), **changes}


def plan(database, at) -> int:
    with database.transaction() as session:
        return plan_visits(session, at)


def test_who_waits_at_the_counter_comes_first_then_visits_by_their_day(approval_db) -> None:
    later = waiting(approval_db, 90, **for_day(THURSDAY))
    tomorrow = waiting(approval_db, 60, **for_day(THURSDAY, TUESDAY))
    today = waiting(approval_db, 30, **for_day(MONDAY))
    counter_tomorrow = waiting(approval_db, 20, **for_day(TUESDAY, channel="counter"))
    walk_in = waiting(approval_db, 1, **for_day(MONDAY, channel="counter"))
    order = at_desk(approval_db)
    assert (order[:2], order[-1]) == ([walk_in, today], later)
    assert set(order[2:4]) == {tomorrow, counter_tomorrow}
    first = queue(approval_db, order="visit", counts=True)
    assert (first.items[0].at_counter, first.items[1].at_counter) == (True, False)
    assert first.items[2].visit.day == TUESDAY
    counts = first.counts
    assert (counts.at_counter, counts.today, counts.tomorrow, counts.later) == (1, 1, 2, 1)
    assert counts.by_status["pending"] == 5


def test_pages_in_the_order_of_visits_hold_each_review_once(approval_db) -> None:
    for minutes in range(1, 4):
        waiting(approval_db, minutes, **for_day(MONDAY, channel="kiosk"))
        waiting(approval_db, minutes, **for_day(TUESDAY))
    whole, seen, after = at_desk(approval_db), [], None
    while True:
        page = queue(approval_db, status="pending", order="visit", limit=2, after=after)
        seen += [one.reference for one in page.items]
        after = page.next
        if after is None:
            break
    assert seen == whole
    assert len(seen) == 6


def test_a_cursor_of_another_order_is_refused(approval_db) -> None:
    for _ in range(2):
        waiting(approval_db, 1)
    cursor = queue(approval_db, order="visit", limit=1).next
    for order in ("waiting", "newest", "decided"):
        with pytest.raises(InvalidInput):
            queue(approval_db, order=order, after=cursor)
    with pytest.raises(InvalidInput):
        queue(approval_db, order="visit", after=queue(approval_db, limit=1).next)


def test_after_the_nearest_day_a_review_is_placed_by_the_next_one(approval_db) -> None:
    event = submitted(**for_day(MONDAY, THURSDAY, channel="counter"))
    deliver(approval_db, event, at=NOW)
    ended = waiting(approval_db, 1, **for_day(MONDAY))
    tuesday = waiting(approval_db, 1, **for_day(TUESDAY))
    assert plan(approval_db, NOW) == 0
    next_day = NOW + timedelta(days=1)
    assert plan(approval_db, next_day) == 1
    assert plan(approval_db, next_day) == 0
    assert at_desk(approval_db) == [ended, tuesday, event.reference]
    assert queue(approval_db, order="visit").items[-1].visit.day == THURSDAY


def test_reviews_are_placed_in_batches_and_those_without_another_day_hold_up_nobody(
    approval_db, monkeypatch
) -> None:
    monkeypatch.setattr(scheduled_jobs, "BATCH", 2)
    for _ in range(3):
        waiting(approval_db, 1, **for_day(MONDAY))
    for _ in range(3):
        waiting(approval_db, 1, **for_day(MONDAY, THURSDAY))
    next_day = NOW + timedelta(days=1)
    assert [plan(approval_db, next_day) for _ in range(3)] == [2, 1, 0]


def test_a_filter_leaves_what_it_names(approval_db) -> None:
    nobody = waiting(approval_db, 5)
    wanted = waiting(
        approval_db, 5, site="T2", officer="home-secretary", channel="kiosk", **for_day(THURSDAY)
    )
    for question in (
        {"site": "T2"},
        {"officer": "home-secretary"},
        {"channel": "kiosk"},
        {"visit_on": THURSDAY},
    ):
        assert at_desk(approval_db, **question) == [wanted], question
    assert at_desk(approval_db, unassigned=True) == [nobody]


def test_the_queue_shows_who_waits_long_or_was_escalated(approval_db) -> None:
    long, short = waiting(approval_db, 300), waiting(approval_db, 30)
    execute(approval_db, "update reviews set escalated = 1 where reference = :reference", reference=long)
    assert at_desk(approval_db, waiting_hours=4) == [long]
    assert at_desk(approval_db, escalated=True) == [long]
    assert at_desk(approval_db, escalated=False) == [short]


def test_what_was_decided_today_is_found_once_the_newest_decision_first(approval_db) -> None:
    yesterday, first, second = pending(approval_db), pending(approval_db), pending(approval_db)
    pending(approval_db)
    with approval_db.transaction() as session:
        for review, at in ((yesterday, -1440), (first, -20), (second, -10)):
            moment = NOW + timedelta(minutes=at)
            decisions.approve(approval(review), by(desk()), session, moment, furthest_days=30)
        decisions.withdraw(Withdraw(review_id=first, reason="security"), by(desk()), session, NOW)
    page = queue(approval_db, decided_on=MONDAY, order="decided", counts=True)
    assert [(one.id, one.status) for one in page.items] == [(first, "withdrawn"), (second, "approved")]
    assert (page.counts.decided_today, page.counts.by_status["pending"]) == (2, 1)
    assert queue(approval_db, order="decided", limit=1).next is not None
    rest = queue(approval_db, order="decided", after=queue(approval_db, order="decided", limit=1).next)
    assert [one.id for one in rest.items] == [second, yesterday]


def test_a_review_shows_what_became_of_earlier_applications_here(approval_db) -> None:
    refused, elsewhere = pending(approval_db), pending(approval_db, department="finance")
    other = pending(approval_db, personal=personal(applicant=person(mobile="+919999999999")))
    with approval_db.transaction() as session:
        decisions.reject(Reject(review_id=refused, reason="duplicate"), by(desk()), session, NOW)
    now_asked = pending(approval_db)
    with approval_db.transaction() as session:
        shown = queries.view_review(ReviewId(review_id=now_asked), by(desk()), session, NOW)
        alone = queries.view_review(ReviewId(review_id=other), by(desk()), session, NOW)
    assert [(one.id, one.status, one.reason) for one in shown.earlier] == [(refused, "rejected", "duplicate")]
    assert elsewhere not in [one.id for one in shown.earlier]
    assert alone.earlier == ()


def test_without_a_mobile_the_same_name_and_id_are_the_same_applicant(approval_db) -> None:
    def walk_in(last4):
        return pending(approval_db, personal=personal(applicant=person(mobile=None, id_last4=last4)))

    earlier, _other, now_asked = walk_in("4821"), walk_in("0000"), walk_in("4821")
    with approval_db.transaction() as session:
        shown = queries.view_review(ReviewId(review_id=now_asked), by(desk()), session, NOW)
    assert [one.id for one in shown.earlier] == [earlier]


def plans_of(database, **question) -> list[dict]:
    """Return each node of the plans by which a page of the queue is read, as PostgreSQL explains them."""
    statements: list[tuple] = []

    def note(_connection, _cursor, statement, parameters, _context, _many) -> None:
        statements.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    queue(database, limit=50, **question)
    event.remove(database.engine, "before_cursor_execute", note)
    found = []

    def walk(node: dict) -> None:
        found.append(node)
        for child in node.get("Plans", ()):
            walk(child)

    with database.engine.connect() as connection:
        for statement, parameters in statements:
            if "FROM reviews" in statement and "LIMIT" in statement:
                explained = connection.exec_driver_sql(
                    f"explain (analyze, format json) {statement}", parameters
                )
                walk(explained.scalar_one()[0]["Plan"])
    return found


@pytest.mark.parametrize(
    "question", few_of([{"order": "visit"}, {"order": "waiting"}, {"order": "newest"}], 1), ids=str
)
def test_a_page_of_ten_thousand_is_read_from_an_index_without_sorting_them(approval_db, question) -> None:
    pending(approval_db)
    with psycopg.connect(
        owner_of(approval_db).engine.url.set(drivername="postgresql").render_as_string(hide_password=False),
        autocommit=True,
    ) as connection:
        desk_queue.fill(connection, "home")
    nodes = plans_of(approval_db, status="pending", **question)
    read = {node["Node Type"] for node in nodes if node.get("Relation Name") != "place_waits"}
    assert read == {"Limit", "Index Scan"}
    assert max(node["Actual Rows"] for node in nodes) <= 51
