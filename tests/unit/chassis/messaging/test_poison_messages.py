"""Poison messages: recording the start of a message that was delivered often."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Delete
from sqlalchemy.exc import DBAPIError

from services.chassis.messaging import poison_messages
from services.chassis.messaging.poison_messages import AFTER_DELIVERIES, KillsItsProcess, one_at_a_time
from services.chassis.runtime.backoff import Backoff


class StartCounter:
    """A database that is away for one transaction; it counts the starts of one message."""

    def __init__(self, started: int = 0, *, away: bool = True) -> None:
        self.started = started
        self.away = away
        self.transactions = 0
        self.most = 0
        """The most starts that were recorded at one time."""

    @contextmanager
    def transaction(self) -> Iterator["StartCounter"]:
        self.transactions += 1
        if self.away:
            self.away = False
            raise DBAPIError.instance("insert", {}, psycopg.errors.AdminShutdown(""), psycopg.Error)  # type: ignore[misc]  # SQLAlchemy's own way
        yield self

    def execute(self, statement: object) -> "StartCounter":
        self.started = 0 if isinstance(statement, Delete) else self.started + 1
        self.most = max(self.most, self.started)
        return self

    def scalar_one(self) -> int:
        return self.started

    def is_available(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backoff, "next_pause", lambda _self: 0)


def test_a_message_delivered_often_waits_for_a_database_that_is_away() -> None:
    db, handled, waits = StartCounter(), [], []

    @contextmanager
    def metric() -> Iterator[None]:
        waits.append("wait")
        yield

    with one_at_a_time(db, "verify.PassRevoked", uuid4(), AFTER_DELIVERIES, metric):
        handled.append("handled")
    assert (handled, waits, db.most) == (["handled"], ["wait"], 1)


def test_without_the_wait_a_database_that_is_away_fails_a_message_delivered_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Negative control of the test above: the error would be counted as an attempt."""

    def run_once(db, work, **_):
        with db.transaction() as session:
            return work(session)

    monkeypatch.setattr(poison_messages, "run_when_available", run_once)
    with (
        pytest.raises(DBAPIError),
        one_at_a_time(StartCounter(), "verify.PassRevoked", uuid4(), AFTER_DELIVERIES),
    ):
        pytest.fail("the message was handled")


def test_the_start_of_a_message_delivered_seldom_is_not_recorded() -> None:
    db = StartCounter(away=False)
    with one_at_a_time(db, "verify.PassRevoked", uuid4(), AFTER_DELIVERIES - 1):
        pass
    assert db.transactions == 0


def test_a_message_started_too_often_is_not_handled_again() -> None:
    db = StartCounter(poison_messages.STARTS, away=False)
    with pytest.raises(KillsItsProcess), one_at_a_time(db, "verify.PassRevoked", uuid4(), AFTER_DELIVERIES):
        pytest.fail("the message was handled")


def test_a_message_whose_handler_fails_has_killed_nobody_however_often_it_is_tried() -> None:
    db = StartCounter(away=False)
    for _ in range(8):
        with (
            pytest.raises(ZeroDivisionError),
            one_at_a_time(db, "verify.PassRevoked", uuid4(), AFTER_DELIVERIES),
        ):
            raise ZeroDivisionError
    assert (db.started, db.most) == (0, 1)
