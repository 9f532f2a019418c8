"""Seals chain what was committed, in whatever order transactions end, and nobody waits for them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.chassis.audit import record, seals
from services.chassis.audit.seals import AUDIT_LOG
from services.chassis.db.retention import month_start
from services.chassis.db.tables import audit_heads
from services.chassis.runtime.clock import now
from tests.support.stack.databases import owner_of


@pytest.fixture
def database(databases):
    return databases["approval"]


def seal(database, at=None) -> int:
    return seals.seal(database, "approval", (AUDIT_LOG,), 24, at)


def add(session, action="view_review", at=None) -> None:
    record.record_task(session, action, ["PCS-7K3M-9QWX"], at or now())


def insert(connection, **given: int) -> None:
    columns = ", ".join([*given, "at, actor, role, action, objects, result, address, correlation_id"])
    usual = "now(), 'DHM-0001', 'department', 'approve', '{}', 'done', '', ''"
    values = ", ".join([*map(str, given.values()), usual])
    connection.execute(text(f"insert into audit_log ({columns}) values ({values})"))


def found(database, query: str) -> list[tuple]:
    with database.transaction() as session:
        return [tuple(row) for row in session.execute(text(query))]


def test_rows_are_sealed_once_and_each_seal_names_the_one_before(database) -> None:
    for count in (3, 0, 2):
        with database.transaction() as session:
            for _ in range(count):
                add(session)
        assert seal(database) == count
    rows = found(database, "select number, positions::text, rows, previous, head from audit_seals order by 1")
    (one, positions, count, previous, head), (two, later, more, before, _) = rows
    assert (one, positions, count, previous) == (1, "{[1,4)}", 3, "")
    assert (two, later, more, before) == (2, "{[4,6)}", 2, head)


@pytest.mark.parametrize("ago", [timedelta(), 2 * seals.SETTLED], ids=["at once", "after a while"])
def test_a_row_whose_transaction_ends_late_comes_into_a_later_seal(database, ago) -> None:
    with database.engine.connect() as late:
        insert(late)
        with database.transaction() as session:
            add(session)
        assert seal(database, now() - ago) == 1
        late.commit()
    assert seal(database) == 1
    assert found(database, "select positions::text, through from audit_seals order by number") == [
        ("{[2,3)}", 2),
        ("{[1,2)}", 2),
    ]


def test_a_rolled_back_row_leaves_a_gap_and_no_row_goes_into_it_later(database) -> None:
    with database.engine.connect() as lost:
        lost.execute(text("select nextval('audit_log_positions')"))
    with database.transaction() as session:
        add(session)
    seal(database, now() - 2 * seals.SETTLED)
    with database.transaction() as session:
        add(session)
    seal(database)
    with owner_of(database).engine.begin() as connection:
        insert(connection, position=1)
    assert seal(database) == 0


def test_months_that_were_said_to_be_dropped_stay_so_when_more_are_kept(database) -> None:
    for months, at in ((13, now()), (24, now()), (13, now() - timedelta(hours=1))):
        with database.transaction() as session:
            add(session)
        seals.seal(database, "approval", (AUDIT_LOG,), months, at)
    seals_ = found(database, "select pruned_before, sealed_at from audit_seals order by number")
    assert len(seals_) == 3
    assert len({before for before, _ in seals_}) == 1
    assert [at for _, at in seals_] == sorted(at for _, at in seals_)


@pytest.mark.parametrize(
    ("number", "ahead"), [(1, timedelta(days=1)), (2**62, timedelta()), (2, timedelta(hours=1))]
)
def test_a_head_from_the_future_or_of_nobody_does_not_block_signing(database, number, ahead) -> None:
    with database.transaction() as session:
        add(session)
        session.execute(
            audit_heads.insert().values(
                id=uuid4(), number=number, head="0" * 64, signed_at=now() + ahead, signature="forged"
            )
        )
    seal(database)
    for minutes in (60, 61):
        with database.transaction() as session:
            add(session)
        seal(database, now() + timedelta(minutes=minutes))
    signed = "select number from audit_heads where signature <> 'forged' and number > 1"
    assert found(database, signed) == [(2,)], "and not one for each seal"


def test_a_seal_has_rows_of_one_month(database) -> None:
    this = now()
    with database.transaction() as session:
        add(session, at=month_start(this) - timedelta(seconds=1))
        add(session, at=month_start(this))
    assert seal(database) == 2
    assert found(database, "select rows, month from audit_seals order by number") == [
        (1, (month_start(this, -1)).date()),
        (1, month_start(this).date()),
    ]


def test_while_one_process_seals_the_others_do_nothing(database) -> None:
    with database.transaction() as session:
        add(session)
    with database.transaction() as other:
        assert seals.try_lock(other, "audit seals")
        assert seal(database) == 0
    assert seal(database) == 1


def test_a_head_is_signed_once_an_hour_when_there_is_a_new_one(database) -> None:
    at = month_start(now())  # each month has a seal of its own, of what was dropped

    def heads_after(elapsed: timedelta, rows: int) -> list[tuple]:
        with database.transaction() as session:
            for _ in range(rows):
                add(session)
        seal(database, at + elapsed)
        return found(database, "select number from audit_heads order by signed_at")

    assert heads_after(timedelta(), 0) == []
    assert heads_after(timedelta(), 1) == [(1,)]
    assert heads_after(timedelta(minutes=59), 1) == [(1,)]
    assert heads_after(timedelta(minutes=60), 0) == [(1,), (2,)]
    assert heads_after(timedelta(minutes=120), 0) == [(1,), (2,)]
