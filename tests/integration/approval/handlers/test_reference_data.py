"""What each process keeps in memory, on a real database with two processes and more."""

import threading
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import event, text

from contracts.errors import InvalidInput
from contracts.rpc.approval.capacity import SetCapacity
from contracts.rpc.approval.closures import CloseDay, ClosureId
from contracts.rpc.approval.decisions import Delegate, DelegationId
from services.approval.handlers import capacity, closures, decisions, delegations, reference_data
from services.approval.handlers.directory import put_department, put_site
from services.approval.models.reviews import CapacityRow, ClosureRow
from services.approval.models.watchlist import WatchlistEntryRow
from tests.integration.statements import sent_by
from tests.support.factories.approval import (
    MONDAY,
    NOW,
    TUESDAY,
    approval,
    by,
    department,
    desk,
    officer,
    pending,
    site,
    slot,
)
from tests.support.factories.approval import capacity as some_capacity
from tests.support.stack.concurrency import run_concurrently
from tests.support.stack.databases import execute, owner_of
from tests.support.stack.running import eventually

SECRETARY = "home-secretary"


def current(database, day=MONDAY) -> reference_data.ReferenceData:
    with database.transaction() as session:
        return reference_data.current(session, day)


def close(database, call=None):
    with database.transaction() as session:
        request = CloseDay(day=TUESDAY, reason="security", note="")
        return closures.close_day(request, call or by(desk()), session, NOW, furthest_days=30).id


def lift(database, closure_id):
    with database.transaction() as session:
        closures.lift_closure(ClosureId(closure_id=closure_id), by(desk()), session, NOW)


def delegate(database):
    with database.transaction() as session:
        request = Delegate(officer=SECRETARY, login="HOM-0002", first_day=MONDAY, last_day=TUESDAY)
        return delegations.delegate(request, by(desk()), session, NOW).id


def watch(database) -> WatchlistEntryRow:
    """Store an active entry of the watchlist with one trait."""
    row = WatchlistEntryRow(
        id=uuid4(),
        traits=["aa"],
        valid_until=TUESDAY,
        proposed_by="ADO-0001",
        proposed_at=NOW,
        confirmed_by="ADO-0002",
        confirmed_at=NOW,
    )
    with database.transaction() as session:
        session.add(row)
    return row


def end_watching(database) -> None:
    execute(database, "update watchlist_entries set ended_at = now()")


def put(database, record) -> None:
    with database.transaction() as session:
        (put_site if record.code == "T1" else put_department)(session, record, NOW)


def limit(database, wanted) -> None:
    with database.transaction() as session:
        capacity.set_capacity(SetCapacity(capacity=wanted), by(desk()), session, NOW, furthest_days=30)


def end_delegation(database, made) -> None:
    with database.transaction() as session:
        delegations.end_delegation(DelegationId(delegation_id=made), by(desk()), session, NOW)


def test_each_change_is_seen_by_the_next_transaction_of_every_replica(approval_db, crowd) -> None:
    replicas = (approval_db, crowd)

    def seen(read) -> list:
        return [read(current(replica)) for replica in replicas]

    put(approval_db, site(gates=("T1-G9",)))
    assert seen(lambda data: data.sites["T1"].gates) == [("T1-G9",)] * 2
    put(crowd, site(photograph=True))
    assert seen(lambda data: data.sites["T1"].photograph) == [True] * 2
    put(crowd, site(closed_days=()))
    assert seen(lambda data: data.sites["T1"].closed_days) == [()] * 2
    put(approval_db, site(hours=()))
    assert seen(lambda data: data.sites["T1"].hours) == [()] * 2
    put(crowd, department(officers=(officer(SECRETARY, closed=True),)))
    assert seen(lambda data: [one.closed for one in data.departments["home"].officers]) == [[True]] * 2
    put(crowd, department(closed=True))
    assert seen(lambda data: data.departments["home"].closed) == [True] * 2
    put(approval_db, department(sites=("T2",)))
    assert seen(lambda data: data.departments["home"].sites) == [("T2",)] * 2
    limit(crowd, some_capacity(7))
    assert seen(lambda data: data.capacities["home"].days[0].places) == [7] * 2
    limit(approval_db, None)
    assert seen(lambda data: data.capacities) == [{}] * 2
    closed = close(crowd)
    assert seen(lambda data: [one.day for one in data.closed_days("home", MONDAY)]) == [[TUESDAY]] * 2
    lift(approval_db, closed)
    assert seen(lambda data: data.closed_days("home", MONDAY)) == [()] * 2
    made = delegate(crowd)
    clerk = desk("home", "HOM-0002")
    assert seen(lambda data: [one.id for one in data.held_by(clerk, NOW)]) == [[made]] * 2
    end_delegation(approval_db, made)
    assert seen(lambda data: data.held_by(clerk, NOW)) == [[]] * 2
    watch(crowd)
    assert seen(lambda data: data.watched) == [{"aa"}] * 2
    end_watching(approval_db)
    assert seen(lambda data: data.watched) == [set()] * 2
    execute(owner_of(approval_db), "truncate gates")
    assert seen(lambda data: data.sites["T1"].gates) == [()] * 2


def test_control_without_the_triggers_a_change_is_seen_by_nobody_who_has_a_copy(approval_db) -> None:
    before = current(approval_db)

    def triggers(verb: str) -> None:
        query = "select tgrelid::regclass::text from pg_trigger where tgname = 'reference_version'"
        with owner_of(approval_db).transaction() as session:
            for table in session.scalars(text(query)).all():
                session.execute(text(f"alter table {table} {verb} trigger reference_version"))

    triggers("disable")
    try:
        for change in (
            lambda db: put(db, site(gates=("T1-G9",))),
            lambda db: limit(db, some_capacity(7)),
            close,
            delegate,
            watch,
            lambda db: put(db, department(officers=())),
        ):
            change(approval_db)
            assert current(approval_db) is before
    finally:
        triggers("enable")


def test_while_nothing_changes_one_statement_is_enough(approval_db) -> None:
    first = current(approval_db)
    assert len(sent_by(approval_db, lambda: current(approval_db))) == 1
    assert current(approval_db) is first
    assert current(approval_db, TUESDAY) is first, "the days before it do no harm"
    assert current(approval_db, MONDAY - timedelta(days=1)).since < MONDAY


def test_an_update_that_changes_nothing_of_it_leaves_the_copy_as_it_is(approval_db) -> None:
    close(approval_db)
    first = current(approval_db)
    execute(approval_db, "update closures set note = 'other words', look_at = now()")
    assert current(approval_db) is first


def test_a_change_that_is_rolled_back_was_never_seen(approval_db, crowd) -> None:
    before = current(crowd)
    with approval_db.transaction() as session:
        put_site(session, site(gates=()), NOW)
        session.flush()
        assert reference_data.current(session, MONDAY).sites["T1"].gates == (), "its own change"
        assert current(crowd) is before, "not committed yet"
        session.rollback()
    assert current(approval_db).sites == before.sites
    assert current(crowd) is before


def test_changes_at_once_do_not_wait_for_each_other_and_each_is_seen(approval_db, crowd) -> None:
    """The first holds its change open while the second one is committed."""
    with approval_db.transaction() as first:
        first.execute(
            text("update capacities set department = department")
        )  # changes the version all the same
        limit(crowd, some_capacity(7))
        assert current(crowd).capacities["home"].days[0].places == 7
        first.execute(text("update sites set photograph = true where code = 'T2'"))
    assert current(crowd).sites["T2"].photograph
    put(approval_db, site(gates=()))
    with approval_db.transaction() as session:
        assert session.execute(text("select count(*) from reference_versions")).scalar_one() == 1
    assert current(crowd).sites["T1"].gates == ()


def test_the_versions_of_many_changes_at_once_are_all_different(approval_db, crowd) -> None:
    seen: dict[str, int] = {}

    def change(places: int) -> None:
        with crowd.transaction() as session:
            session.add(CapacityRow(department=f"d{places}", content=None, set_by="", set_at=NOW))
        with crowd.transaction() as session:
            both = text(
                "select (select string_agg(token::text, ',' order by token::text) from reference_versions),"
                " (select string_agg(department, ',' order by department) from capacities)"
            )
            version, rows = session.execute(both).one()
        assert seen.setdefault(version, rows) == rows

    outcomes = run_concurrently(*(lambda number=number: change(number) for number in range(40)))
    assert outcomes == [None] * 40


def test_a_copy_in_which_a_change_came_between_two_statements_is_not_kept(approval_db, crowd) -> None:
    current(crowd)
    limit(approval_db, some_capacity(7))
    sent = []

    def change(_connection, _cursor, statement, *_rest) -> None:
        sent.append(statement)
        if "FROM capacities" in statement and len(sent) < 20:
            sent.extend([""] * 20)
            limit(approval_db, some_capacity(8))
            put(approval_db, site(gates=()))

    event.listen(crowd.engine, "before_cursor_execute", change)
    try:
        mixed = current(crowd)
    finally:
        event.remove(crowd.engine, "before_cursor_execute", change)
    assert (mixed.capacities["home"].days[0].places, mixed.sites["T1"].gates) == (8, ("T1-G1", "T1-G2"))
    assert current(crowd).sites["T1"].gates == ()


def test_a_day_that_is_closed_while_an_approval_waits_for_it_is_refused(approval_db, crowd) -> None:
    """The replica that approves has a copy from before the closing."""
    review_id = pending(approval_db)
    current(crowd)
    waiting = "select count(*) from pg_locks where not granted and locktype = 'advisory'"
    refused = []

    def approve() -> None:
        with pytest.raises(InvalidInput) as refusal, crowd.transaction() as session:
            decisions.approve(approval(review_id, slot=slot()), by(desk()), session, NOW, furthest_days=30)
        refused.append(refusal.value.body.fields[0].code)

    with approval_db.transaction() as session:
        capacity.lock_days(session, "home", (TUESDAY,))
        session.add(
            ClosureRow(
                department="home",
                day=TUESDAY,
                reason="security",
                note="",
                closed_by="HOM-0001",
                closed_at=NOW,
            )
        )
        session.flush()
        approving = threading.Thread(target=approve)
        approving.start()

        def has_met() -> bool:
            with crowd.transaction() as other:
                return other.execute(text(waiting)).scalar_one() > 0

        eventually(has_met, "the approval waits for the day")
    approving.join()
    assert refused == ["day_closed"]


def test_what_is_kept_is_bounded(approval_db, monkeypatch) -> None:
    watch(approval_db)
    monkeypatch.setattr(reference_data, "MOST_WATCHED", 0)
    execute(approval_db, "update watchlist_entries set traits = array['bb']")
    assert current(approval_db).watched is None
    close(approval_db)
    assert current(approval_db, TUESDAY + timedelta(days=1)).closed_days("home", MONDAY) == ()
