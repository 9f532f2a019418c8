"""Waiting for a database: for one that is away, and never because a statement is wrong."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.chassis.db.availability import StillAway, is_away, is_busy, run_when_available
from services.chassis.runtime.backoff import Backoff
from services.chassis.runtime.lifecycle import Stopping

AWAY = [
    psycopg.errors.AdminShutdown, psycopg.errors.CrashShutdown, psycopg.errors.CannotConnectNow,
    psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.IoError, psycopg.errors.IdleSessionTimeout,
    psycopg.errors.InvalidPassword, psycopg.errors.TooManyConnections, psycopg.errors.ConnectionFailure,
    psycopg.errors.DiskFull,
]  # fmt: skip
BUSY = [psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled, psycopg.errors.DeadlockDetected]
WRONG = [psycopg.errors.UniqueViolation, psycopg.errors.UndefinedTable]


def fault(kind: type[psycopg.Error]) -> DBAPIError:
    return DBAPIError.instance("select 1", {}, kind("a secret"), psycopg.Error)  # type: ignore[return-value]  # SQLAlchemy's own way


class Flaky:
    """A database whose next transactions fail with these errors; it is available after so many checks."""

    def __init__(self, *errors: Exception, away: int = 2) -> None:
        self.errors = list(errors)
        self.checks = 0
        self._away = away

    @contextmanager
    def transaction(self) -> Iterator[str]:
        if self.errors:
            raise self.errors.pop(0)
        yield "session"

    def is_available(self) -> bool:
        self.checks += 1
        return self.checks > self._away


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backoff, "next_pause", lambda _self: 0)


@pytest.mark.parametrize("kind", AWAY)
def test_a_database_that_cannot_be_reached_is_away(kind: type[psycopg.Error]) -> None:
    assert is_away(fault(kind))
    assert not is_busy(fault(kind))


def test_a_connection_that_cannot_be_opened_counts_as_away() -> None:
    assert is_away(DBAPIError.instance(None, None, psycopg.OperationalError("a secret"), psycopg.Error))


def test_a_statement_that_the_client_itself_refuses_is_not_waited_for() -> None:
    refused = psycopg.OperationalError("the number of query parameters must be between 0 and 65535")
    assert not is_away(DBAPIError.instance("select 1", {}, refused, psycopg.Error))


def test_a_pool_without_a_free_connection_counts_as_away() -> None:
    assert is_away(PoolTimeout())


@pytest.mark.parametrize("kind", BUSY)
def test_a_statement_given_up_because_of_others_is_busy(kind: type[psycopg.Error]) -> None:
    assert is_busy(fault(kind))
    assert not is_away(fault(kind))


@pytest.mark.parametrize("error", [*map(fault, WRONG), RuntimeError()])
def test_a_wrong_statement_is_neither_away_nor_busy(error: Exception) -> None:
    assert not is_away(error)
    assert not is_busy(error)


def test_who_has_patience_for_some_time_is_told_when_it_has_ended() -> None:
    db = Flaky(fault(AWAY[0]), away=1_000_000_000)
    with pytest.raises(StillAway):
        run_when_available(db, lambda _: None, part="test", patience=0.01)


def test_work_is_done_once_the_database_is_back() -> None:
    db = Flaky(fault(AWAY[0]), PoolTimeout())
    assert run_when_available(db, lambda session: f"done in {session}", part="test") == "done in session"
    assert db.checks == 4


def test_work_that_loses_its_connection_to_a_sound_database_so_often_in_a_row_is_the_cause() -> None:
    db = Flaky(*[fault(AWAY[0])] * 3, away=0)
    with pytest.raises(DBAPIError):
        run_when_available(db, lambda _: None, part="test", most_losses=3)


def test_work_that_waits_for_a_database_that_is_away_is_not_the_cause() -> None:
    db = Flaky(*[fault(AWAY[0])] * 3)
    assert run_when_available(db, lambda _: "done", part="test", most_losses=3) == "done"


@pytest.mark.parametrize("kind", [*BUSY, *WRONG])
def test_an_error_that_is_not_the_databases_absence_is_raised(kind: type[psycopg.Error]) -> None:
    db = Flaky(fault(kind))
    with pytest.raises(DBAPIError):
        run_when_available(db, lambda _: None, part="test")
    assert db.checks == 0


@pytest.mark.parametrize("kind", BUSY)
def test_a_busy_database_is_tried_again_where_that_is_asked_for(kind: type[psycopg.Error]) -> None:
    assert (
        run_when_available(Flaky(fault(kind)), lambda _: "done", part="test", also_when_busy=True) == "done"
    )


def test_waiting_ends_when_the_process_stops() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopping):
        run_when_available(Flaky(fault(AWAY[0])), lambda _: None, part="test", stop=stop)


def test_a_metric_is_open_while_the_database_is_waited_for() -> None:
    seen: list[str] = []

    @contextmanager
    def metric() -> Iterator[None]:
        seen.append("begin")
        yield
        seen.append("end")

    run_when_available(
        Flaky(fault(AWAY[0])), lambda _: seen.append("work"), part="test", while_waiting=metric
    )
    assert seen == ["begin", "end", "work"]
