"""A service's connections to its database."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from types import SimpleNamespace

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import event, text
from sqlalchemy.event import attr
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.chassis.db import database
from services.chassis.db.availability import is_away
from services.chassis.db.database import Database
from tests.support.stack.backends import TestStack
from tests.support.stack.database_faults import postgres_away, read_only
from tests.support.stack.databases import execute
from tests.support.stack.extent import long


@pytest.fixture
def own(databases) -> Iterator[Database]:
    with closing(Database(databases["verify"].engine.url.render_as_string(hide_password=False))) as pool:
        yield pool


@pytest.fixture
def single(databases) -> Iterator[Database]:
    """Yield a pool that uses one connection."""
    url = databases["verify"].engine.url.render_as_string(hide_password=False)
    with closing(Database(url, pool=1)) as pool:
        yield pool


@pytest.fixture
def pooled(own: Database, stack: TestStack) -> Database:
    """Return a pool with an open connection to a server that has restarted since."""
    assert own.is_available()
    with postgres_away(stack):
        pass
    return own


@long
def test_the_first_transaction_after_a_restart_of_the_server_succeeds(pooled: Database) -> None:
    with pooled.transaction() as session:
        assert session.execute(text("select 1")).scalar_one() == 1


def test_without_the_check_of_the_connection_the_first_call_fails(pooled: Database) -> None:
    """Negative control."""
    event.remove(pooled.engine, "checkout", database._check_open)
    with pytest.raises(OperationalError), pooled.transaction() as session:
        session.execute(text("select 1"))


INSERT = text("insert into inbox (consumer, event_id) values ('a test', gen_random_uuid())")


def test_threads_that_open_the_first_connections_at_once_all_wait_for_the_engine_to_know_its_server(
    own: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are made to reach the lock together: each would make its own, and one would not wait."""
    together = threading.Barrier(2)

    def lock_when_both_are_here() -> object:
        with suppress(threading.BrokenBarrierError):
            together.wait(0.5)
        return threading.Lock()

    monkeypatch.setattr(attr, "threading", SimpleNamespace(Lock=lock_when_both_are_here))
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lambda _: own.is_available(), range(2))) == [True, True]


@pytest.fixture
def fenced(own: Database) -> Database:
    """Return a pool whose open connection leads to a server that takes no changes any more."""
    execute(own, "select set_config('default_transaction_read_only', 'on', false)")
    return own


def test_a_read_only_server_counts_as_away_and_its_connection_is_left(fenced: Database) -> None:
    with pytest.raises(DBAPIError) as refused, fenced.transaction() as session:
        session.execute(INSERT)
    assert refused.value.orig.sqlstate == "25006"
    assert is_away(refused.value)
    execute(fenced, INSERT)


def test_control_without_leaving_it_the_pool_leads_to_the_read_only_server_for_ever(fenced: Database) -> None:
    event.remove(fenced.engine, "handle_error", database._leave)
    for _ in range(3):
        with pytest.raises(DBAPIError), fenced.transaction() as session:
            session.execute(INSERT)


def test_a_database_that_takes_no_changes_is_not_available_until_another_connection_is_made(
    fenced: Database,
) -> None:
    assert not fenced.is_available()
    assert fenced.is_available()


def test_no_connection_is_opened_to_a_server_that_takes_no_changes(own: Database, stack: TestStack) -> None:
    with read_only(stack, "verify"):
        with pytest.raises(OperationalError) as refused, own.transaction() as session:
            session.execute(INSERT)
        assert is_away(refused.value)
        assert not own.is_available()
    assert own.is_available()


def test_each_query_of_a_session_for_queries_is_a_transaction_of_its_own(databases) -> None:
    """Inside a transaction the clock of the server stands still."""
    clock = text("select now()")
    with databases["verify"].queries() as session:
        assert session.execute(clock).scalar_one() < session.execute(clock).scalar_one()
    with databases["verify"].transaction() as session:
        assert session.execute(clock).scalar_one() == session.execute(clock).scalar_one()


def test_a_connection_that_was_used_for_queries_begins_transactions_again(single: Database) -> None:
    with single.queries() as session:
        first = session.execute(text("select pg_backend_pid()")).scalar_one()
    with single.transaction() as session:
        assert session.execute(text("select pg_backend_pid()")).scalar_one() == first
        session.execute(INSERT)
        session.rollback()
    with single.queries() as session:
        assert session.execute(text("select count(*) from inbox")).scalar_one() == 0


def test_what_waits_for_the_commit_is_called_once_after_it_and_not_after_a_savepoint_or_a_rollback(
    own: Database,
) -> None:
    called: list[str] = []
    with own.transaction() as session:
        database.after_commit(session, lambda: called.append("rolled back"))
        session.rollback()
    with own.transaction() as session:
        database.after_commit(session, lambda: called.append("committed"))
        with session.begin_nested():
            session.execute(INSERT)
            with pytest.raises(AssertionError):
                database.after_commit(session, lambda: called.append("in a savepoint"))
        assert called == []
    assert called == ["committed"]


def test_options_in_the_address_go_before_our_own(databases) -> None:
    address = databases["verify"].engine.url.update_query_dict({"keepalives_idle": "7"})
    own = Database(address.render_as_string(hide_password=False))
    assert own.is_available()
    own.close()


def test_the_use_of_a_pool_is_measured_and_who_waits_in_vain_is_counted(single: Database) -> None:
    def used() -> float:
        return REGISTRY.get_sample_value("epass_database_connections", {"state": "used"}) or 0.0

    single.export_metrics()
    assert REGISTRY.get_sample_value("epass_database_connections_max") == 3
    before = REGISTRY.get_sample_value("epass_database_pool_timeouts_total") or 0.0
    with ExitStack() as held:
        for _ in range(3):
            held.enter_context(single.engine.connect())
        assert used() == 3
        with pytest.raises(PoolTimeout):
            single.engine.connect()
    assert used() == 0
    assert REGISTRY.get_sample_value("epass_database_pool_timeouts_total") == before + 1


PREPARED = text("select count(*) from pg_prepared_statements where statement not like '%pg_prepared%'")


def prepared(own: Database) -> int:
    with own.queries() as session:
        return int(session.execute(PREPARED).scalar_one())


def test_a_statement_is_prepared_soon_and_stays_so_when_somebody_asks_whether_it_is_available(
    single: Database,
) -> None:
    for _ in range(database.PREPARE_AFTER + 1):
        execute(single, "select 1 as one")
    assert prepared(single) == 1
    assert single.is_available()
    assert prepared(single) == 1


def test_control_a_rollback_forgets_what_is_prepared(single: Database) -> None:
    for _ in range(database.PREPARE_AFTER + 1):
        execute(single, "select 1 as one")
    with single.engine.connect() as connection:
        connection.execute(text("select 2 as two"))
    assert prepared(single) == 0


def test_a_statement_outside_of_any_transaction_holds_and_the_next_transaction_can_be_rolled_back(
    single: Database,
) -> None:
    with single.queries() as session:
        session.execute(INSERT)
    with pytest.raises(InterruptedError):
        _insert_and_fail(single)
    with single.queries() as session:
        found = session.execute(text("delete from inbox where consumer = 'a test' returning 1")).all()
    assert len(found) == 1


def _insert_and_fail(own: Database) -> None:
    with own.transaction() as session:
        session.execute(INSERT)
        raise InterruptedError
