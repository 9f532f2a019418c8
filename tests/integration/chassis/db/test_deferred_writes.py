"""Writes that wait for the end of the transaction: what is stored, when, and after which locks."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from contracts.events import LoginDisabled
from services.chassis.db import bulk, deferred_writes
from services.chassis.db.database import Database
from services.chassis.db.tables import outbox as outbox_table
from services.chassis.messaging import outbox
from services.verify.models import PassRow, SiteRow
from tests.support.stack.running import eventually

PASSES, SITES = (PassRow.metadata.tables[name] for name in ("passes", "sites"))
NOON = datetime(2026, 12, 1, 6, 30, 0, 123456, tzinfo=UTC)
DISABLED = LoginDisabled(login_id="A", disabled_by="ADO-0001", sessions_until=NOON)


@pytest.fixture
def database(databases) -> Database:
    return databases["verify"]


@pytest.fixture
def statements(database: Database) -> Iterator[list[str]]:
    """The statements that were sent."""
    sent: list[str] = []

    def listener(*arguments: Any) -> None:
        sent.append(arguments[2])

    event.listen(database.engine, "before_cursor_execute", listener)
    yield sent
    event.remove(database.engine, "before_cursor_execute", listener)


def row(number: int, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "number": f"{number:08}",
        "inside": number,
        "inside_since": NOON,
        "last_gate": "G\"1'; drop table passes",
        "site": None,
        "further_days": [1, -2],
        "visitors": {"applicant": {"name": "ਗੁਰਪ੍ਰੀਤ"}},
        "vehicle_allowed": True,
        "closed_days": [],
        "id_commitments": ["a,b", "{}"],
        "issued_seq": 2**40,
        "call_supervisor": False,
        "revoked_seq": 0,
        "admitted": 0,
        "day": 0,
        "admitted_before": 0,
    }
    return values | changes


def site(code: str, seq: int = 0) -> dict[str, Any]:
    return {"code": code, "seq": seq, "gates": []}


def stored(database: Database) -> list[dict[str, Any]]:
    columns = [PASSES.c[name] for name in row(0)]
    with database.transaction() as session:
        return [dict(one) for one in session.execute(select(*columns).order_by(PASSES.c.number)).mappings()]


def sites(database: Database) -> dict[str, int]:
    with database.transaction() as session:
        return {one.code: one.seq for one in session.execute(select(SITES.c.code, SITES.c.seq))}


def events(database: Database) -> int:
    with database.transaction() as session:
        return len(session.execute(select(outbox_table.c.id)).all())


@pytest.mark.parametrize("count", [1, 30])
def test_rows_and_events_are_stored_as_they_are_by_one_statement_before_the_commit(
    database: Database, statements: list[str], count: int
) -> None:
    rows = [row(number) for number in range(count)]
    with database.transaction() as session:
        deferred_writes.insert(session, PASSES, rows)
        deferred_writes.insert(session, SITES, [site("PCS8")])
        outbox.add(session, DISABLED, at=NOON)
        assert statements == []
    assert ["pg_notify" in one for one in statements] == [False, True]
    assert (stored(database), events(database)) == (rows, 1)
    assert sites(database)["PCS8"] == 0


def test_an_update_changes_the_given_columns_of_the_given_rows(database: Database) -> None:
    with database.transaction() as session:
        deferred_writes.insert(session, PASSES, [row(number) for number in range(3)])
        changes = [
            {"number": "00000000", "inside": 7, "inside_since": None, "last_gate": "G2"},
            {"number": "00000002", "inside": 8, "inside_since": NOON, "last_gate": None},
        ]
        deferred_writes.update(session, PASSES, changes)
    assert stored(database) == [
        row(0, inside=7, inside_since=None, last_gate="G2"),
        row(1),
        row(2, inside=8, last_gate=None),
    ]


def test_a_row_that_is_there_already_is_skipped_or_refused(database: Database) -> None:
    with database.transaction() as session:
        deferred_writes.insert(session, PASSES, [row(1)])
    with database.transaction() as session:
        deferred_writes.insert(session, PASSES, [row(1, inside=9), row(2)], skip_existing=True)
    assert stored(database) == [row(1), row(2)]
    with pytest.raises(IntegrityError), database.transaction() as session:
        deferred_writes.insert(session, PASSES, [row(3), row(2)])
    assert stored(database) == [row(1), row(2)]


def test_what_the_orm_changes_is_written_before(database: Database, statements: list[str]) -> None:
    with database.transaction() as session:
        session.add(SiteRow(**site("PCS8")))
        deferred_writes.update(session, SITES, [{"code": "PCS8", "seq": 8}])
    assert [statement.split()[0] for statement in statements] == ["INSERT", "with"]
    assert sites(database)["PCS8"] == 8


def test_objects_are_written_in_the_columns_in_which_any_has_changed_and_untouched_ones_not_at_all(
    database: Database, statements: list[str]
) -> None:
    with database.transaction() as session:
        deferred_writes.insert(session, PASSES, [row(number) for number in range(3)])
    with database.transaction() as session:
        first, second, third = session.scalars(select(PassRow).order_by(PassRow.number))
        first.inside, second.last_gate, third.inside = 7, "G2", third.inside
        deferred_writes.update_changed(session, [first, second, third])
    assert 'set "inside" = given."inside", "last_gate" = given."last_gate" from' in statements[-1]
    assert stored(database) == [row(0, inside=7), row(1, last_gate="G2"), row(2)]
    statements.clear()
    with database.transaction() as session:
        only = session.scalars(select(PassRow).where(PassRow.number == "00000002")).one()
        only.inside = 2
        deferred_writes.update_changed(session, [only])
    assert len(statements) == 1, "nothing is written"


def test_a_query_sees_rows_that_were_sent_early_and_events_still_wait(
    database: Database, statements: list[str]
) -> None:
    with database.transaction() as session:
        outbox.add(session, DISABLED, at=NOON)
        deferred_writes.insert(session, PASSES, [row(1)])
        deferred_writes.send_rows(session)
        assert session.scalars(select(PASSES.c.number)).all() == ["00000001"]
        assert not any("outbox" in statement for statement in statements)
    assert events(database) == 1


def test_a_savepoint_that_is_rolled_back_takes_its_writes_with_it_and_no_others(database: Database) -> None:
    def fail(session: Session) -> None:
        with session.begin_nested():
            with session.begin_nested():
                deferred_writes.insert(session, PASSES, [row(1)])
            deferred_writes.insert(session, PASSES, [row(2)])
            raise ZeroDivisionError

    with database.transaction() as session:
        deferred_writes.insert(session, PASSES, [row(3)])
        with pytest.raises(ZeroDivisionError):
            fail(session)
        with session.begin_nested():
            deferred_writes.insert(session, PASSES, [row(4)])
        assert stored(database) == [], "nothing is sent at the end of a savepoint"
    assert stored(database) == [row(3), row(4)]


def test_a_transaction_that_is_rolled_back_leaves_nothing_for_the_next_one(database: Database) -> None:
    with Session(database.engine) as session:
        session.begin()
        deferred_writes.insert(session, PASSES, [row(1)])
        session.rollback()
        deferred_writes.insert(session, PASSES, [row(2)])
        session.commit()
    assert stored(database) == [row(2)]


def test_rows_are_locked_before_the_numbers_of_events(database: Database) -> None:
    """Two transactions that want the same row and the same number then wait in one place, the row."""
    with database.transaction() as session:
        deferred_writes.insert(session, SITES, [site("PCS8")])
        outbox.add(session, DISABLED, at=NOON)
    waits = threading.Event()

    def write() -> None:
        with database.transaction() as session:
            deferred_writes.update(session, SITES, [{"code": "PCS8", "seq": 8}])
            outbox.add(session, DISABLED, at=NOON)
            session.execute(text("set local application_name = 'waits'"))
            waits.set()

    with database.transaction() as holder:
        holder.execute(text("select from sites where code = 'PCS8' for update"))
        writer = threading.Thread(target=write)
        writer.start()
        waits.wait(10)
        is_blocked = text(
            "select count(*) from pg_stat_activity where application_name = 'waits' "
            "and cardinality(pg_blocking_pids(pid)) > 0"
        )
        eventually(lambda: holder.scalar(is_blocked), "the writer waits for the row")
        holder.execute(text("select from event_sequences where subject = 'login:A' for update nowait"))
    writer.join(10)
    assert (sites(database)["PCS8"], events(database)) == (8, 2)


def test_writes_that_nothing_sends_are_never_lost_in_silence(database: Database) -> None:
    with pytest.raises(RuntimeError, match="writes wait"), database.queries() as session:
        deferred_writes.insert(session, PASSES, [row(1)])
    with database.queries() as session:
        deferred_writes.insert(session, PASSES, [row(2)])
        deferred_writes.send(session)
    with database.queries() as session:
        assert session.scalars(select(PassRow.number)).all() == ["00000002"]


def test_rows_in_bulk_are_stored_at_once_by_one_statement_and_those_that_are_there_stay(
    database: Database, statements: list[str]
) -> None:
    rows = [row(number) for number in range(100)]
    with database.transaction() as session:
        assert bulk.insert_rows(session, PASSES, rows[1:]) == 99
        assert len(statements) == 1
        assert bulk.insert_rows(session, PASSES, [rows[0], row(1, inside=9)]) == 1
    assert stored(database) == rows
