"""Months of a partitioned table are added and dropped while everybody goes on reading and writing."""

import threading
from collections.abc import Iterator
from datetime import datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session

from contracts.model import IST
from services.chassis.db import partitions
from services.chassis.db.database import Database
from services.chassis.db.partitions import MONTHS_AHEAD
from tests.support.stack.databases import execute, owner_of
from tests.support.stack.running import eventually

NOW = datetime(2024, 11, 26, 12, tzinfo=IST)
DECEMBER = datetime(2024, 12, 1, tzinfo=IST)
JANUARY = datetime(2025, 1, 15, tzinfo=IST)


@pytest.fixture
def database(databases) -> Iterator[Database]:
    """Return a database with a table of visits, partitioned until the end of November."""
    found: Database = owner_of(databases["verify"])
    with found.transaction() as session:
        session.execute(
            text("create table visits (at timestamptz not null, who text) partition by range (at)")
        )
        session.execute(
            text(
                "create table visits_until_2024_12 partition of visits "
                f"for values from (minvalue) to ('{DECEMBER.isoformat()}')"
            )
        )
    yield found
    with found.transaction() as session:
        session.execute(text("drop table if exists visits"))
        session.execute(text("drop table if exists visits_until_2024_12"))


def add(database: Database, at: datetime) -> None:
    with database.engine.begin() as connection:
        partitions.add_months(connection, at)


def visit(session: Session, at: datetime, who: str = "Gurpreet Kaur") -> None:
    session.execute(text("insert into visits values (:at, :who)"), {"at": at, "who": who})


def months(database: Database) -> list[str]:
    with database.transaction() as session:
        return list(
            session.scalars(
                text(
                    "select inhrelid::regclass::text from pg_inherits "
                    "where inhparent = 'visits'::regclass order by 1"
                )
            )
        )


def tables(database: Database) -> list[str]:
    with database.transaction() as session:
        return list(
            session.scalars(text("select relname from pg_class where relname like 'visits%' order by 1"))
        )


def test_months_are_added_ahead_once_and_take_every_instant(database: Database) -> None:
    add(database, NOW)
    added = ["visits_2024_12", *(f"visits_2025_{month:02}" for month in range(1, 6))]
    assert months(database) == [*added, "visits_until_2024_12"]
    assert len(added) == MONTHS_AHEAD
    add(database, NOW)
    assert len(months(database)) == MONTHS_AHEAD + 1
    with database.transaction() as session:
        for at in (
            datetime(1999, 1, 1, tzinfo=IST),
            NOW,
            DECEMBER,
            datetime(2025, 5, 31, 23, 59, tzinfo=IST),
        ):
            visit(session, at)
    with pytest.raises(IntegrityError, match="no partition"), database.transaction() as session:
        visit(session, datetime(2025, 6, 1, tzinfo=IST))
    add(database, DECEMBER)
    with database.transaction() as session:
        visit(session, datetime(2025, 6, 1, tzinfo=IST))


def test_months_are_added_while_a_transaction_reads_and_writes_the_table(database: Database) -> None:
    with database.transaction() as busy:
        visit(busy, NOW)
        busy.execute(text("select * from visits")).all()
        add(database, NOW)
        visit(busy, DECEMBER)


def wait_for(database: Database, statement: str) -> None:
    waiting = text(
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like :begins"
    )

    def waits() -> bool:
        with database.transaction() as session:
            return bool(session.scalar(waiting, {"begins": f"{statement}%"}))

    eventually(waits, "it waits for the open transaction")


def others_go_on(database: Database) -> bool:
    """Return whether somebody else can read and write the present month and the whole table."""
    try:
        with database.transaction() as session:
            session.execute(text("set local lock_timeout = '200ms'"))
            visit(session, JANUARY, "Harjit Singh")
            session.execute(text("select count(*) from visits")).all()
    except OperationalError:
        return False
    return True


@pytest.mark.parametrize("concurrently", [True, False], ids=["dropped", "control: detached plainly"])
def test_a_month_is_dropped_while_transactions_read_and_write_the_present_one(
    database: Database, concurrently: bool
) -> None:
    add(database, NOW)
    with database.transaction() as session:
        visit(session, NOW)

    def plainly() -> None:
        execute(database, "alter table visits detach partition visits_until_2024_12")

    drop = threading.Thread(
        target=lambda: partitions.drop_months(database.engine, DECEMBER) if concurrently else plainly()
    )
    with database.transaction() as busy:
        visit(busy, JANUARY)
        busy.execute(text("select * from visits where at >= :at"), {"at": JANUARY}).all()
        drop.start()
        wait_for(database, "alter table visits detach")
        assert others_go_on(database) is concurrently
        visit(busy, JANUARY)
    drop.join(30)
    assert not drop.is_alive()
    assert "visits_until_2024_12" not in months(database)
    if concurrently:
        assert "visits_until_2024_12" not in tables(database)
        with database.transaction() as session:
            assert session.scalar(text("select count(*) from visits")) == 3


def test_only_months_that_have_ended_by_then_are_dropped(database: Database) -> None:
    add(database, NOW)
    partitions.drop_months(database.engine, NOW)
    assert len(months(database)) == MONTHS_AHEAD + 1
    partitions.drop_months(database.engine, JANUARY)
    assert months(database)[0] == "visits_2025_01"


def test_an_interrupted_drop_is_finished_by_the_next(database: Database) -> None:
    add(database, NOW)
    with database.transaction() as busy:
        visit(busy, JANUARY)
        with database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text("set lock_timeout = '50ms'"))
            connection.execute(text(f"comment on table visits_until_2024_12 is '{partitions._GONE}'"))
            with pytest.raises(OperationalError):
                connection.execute(
                    text("alter table visits detach partition visits_until_2024_12 concurrently")
                )
            connection.invalidate()
    assert "visits_until_2024_12" in tables(database)
    partitions.drop_months(database.engine, DECEMBER)
    assert "visits_until_2024_12" not in tables(database)


def test_a_month_that_was_detached_and_not_dropped_is_dropped_and_one_that_an_operator_keeps_stays(
    database: Database,
) -> None:
    add(database, NOW)
    with database.transaction() as session:
        session.execute(text(f"comment on table visits_until_2024_12 is '{partitions._GONE}'"))
        for name in ("visits_until_2024_12", "visits_2024_12"):
            session.execute(text(f"alter table visits detach partition {name}"))
    partitions.drop_months(database.engine, JANUARY)
    assert "visits_until_2024_12" not in tables(database)
    assert "visits_2024_12" in tables(database)
    execute(database, "drop table visits_2024_12")
