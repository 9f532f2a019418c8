"""Work in batches keeps up with any backlog, and leaves alone what somebody else holds."""

import pytest
from sqlalchemy import func, insert, select, text

from services.chassis.db import batches
from services.chassis.db.database import Database
from services.chassis.db.tables import idempotency_keys
from tests.support.stack.databases import owner_of

OLD = idempotency_keys.c.created_at < func.now() - text("interval '24 hours'")


@pytest.fixture
def database(databases) -> Database:
    return databases["verify"]


def store(database: Database, old: int, young: int) -> None:
    rows = [
        {
            "principal": "alice",
            "route": "make",
            "key": f"{age}-{number}",
            "body_hmac": "",
            "created_at": text(f"now() - interval '{age} hours'"),
        }
        for age, count in ((25, old), (23, young))
        for number in range(count)
    ]
    with database.transaction() as session:
        for row in rows:
            session.execute(insert(idempotency_keys).values(**row))


def left(database: Database) -> int:
    with database.transaction() as session:
        return session.scalar(select(func.count()).select_from(idempotency_keys)) or 0


def test_a_batch_deletes_no_more_than_its_rows_and_only_those_that_are_meant(database: Database) -> None:
    store(database, old=5, young=2)
    with database.transaction() as session:
        assert batches.delete_batch(session, idempotency_keys, OLD, rows=3) == 3
    assert left(database) == 4
    with database.transaction() as session:
        assert batches.delete_batch(session, idempotency_keys, OLD, rows=3) == 2
    assert left(database) == 2


def test_a_run_goes_on_until_nothing_is_left_each_batch_in_a_transaction_of_its_own(
    database: Database,
) -> None:
    store(database, old=7, young=1)
    found = []

    def work(session) -> int:
        deleted = batches.delete_batch(session, idempotency_keys, OLD, rows=3)
        found.append((deleted, left(database)))
        return deleted

    batches.run(database, work, 3)
    assert found == [(3, 8), (3, 5), (1, 2)], "each batch is seen by others after it"
    assert left(database) == 1


def test_what_was_done_before_a_failure_stays_done(database: Database) -> None:
    store(database, old=5, young=0)

    def work(session) -> int:
        deleted = batches.delete_batch(session, idempotency_keys, OLD, rows=3)
        if deleted < 3:
            raise ConnectionError("the database went away")
        return deleted

    with pytest.raises(ConnectionError):
        batches.run(database, work, 3)
    assert left(database) == 2


def test_a_row_that_somebody_else_holds_is_left_for_the_next_time(database: Database) -> None:
    store(database, old=3, young=0)
    with database.transaction() as other:
        other.execute(select(idempotency_keys).where(idempotency_keys.c.key == "25-1").with_for_update())
        with database.transaction() as session:
            assert batches.delete_batch(session, idempotency_keys, OLD) == 2
    with database.transaction() as session:
        assert batches.delete_batch(session, idempotency_keys, OLD) == 1


def test_a_batch_reads_only_the_rows_that_it_deletes_from_a_large_table(database: Database) -> None:
    with owner_of(database).transaction() as session:
        session.execute(
            text("""insert into idempotency_keys (principal, route, key, body_hmac, created_at)
            select 'alice', 'make', number::text, '', now() - make_interval(hours => number / 1000)
            from generate_series(1, 50000) as number""")
        )
        session.execute(text("analyze idempotency_keys"))
        plan = "\n".join(
            session.scalars(
                text("""explain delete from idempotency_keys where ctid = any(array((
                select ctid from idempotency_keys where created_at < now() - interval '24 hours'
                limit 500 for update skip locked)))""")
            )
        )
    assert "Tid Scan" in plan, plan
    assert "Index Scan" in plan, plan
