"""Whoever listens is told of a commit after it, and only of one."""

from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from contracts.events import LoginDisabled, PassScanned
from services.chassis.db import wakeups
from services.chassis.db.connection_timeouts import AsyncTimeoutConnection
from services.chassis.db.database import Database
from services.chassis.messaging import outbox
from services.chassis.messaging.relay import OutboxRelay
from services.chassis.messaging.relay_settings import RelaySettings
from services.chassis.runtime.clock import now
from tests.support.stack.databases import execute
from tests.support.stack.settings import make_settings

AN_EVENT = "select count(*) from outbox"


@pytest.fixture
def database(databases) -> Database:
    return databases["verify"]


@pytest.fixture
def listener(database: Database, stack) -> Iterator[psycopg.Connection]:
    url = stack.database_url("verify_app", "verify").replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("listen outbox")
        yield connection


def told(listener: psycopg.Connection) -> list[str]:
    """Return what was told by now."""
    listener.execute("notify outbox, 'by now'")
    found = []
    for one in listener.notifies(timeout=10):
        if one.payload == "by now":
            return found
        found.append(one.payload)
    raise TimeoutError


def add(database: Database, event: LoginDisabled | PassScanned) -> None:
    with database.transaction() as session:
        outbox.add(session, event, at=now())


def test_a_relay_is_told_of_an_event_once_it_is_there(database: Database, listener) -> None:
    with database.transaction() as session:
        outbox.add(session, LoginDisabled.sample(), at=now())
        outbox.add(session, LoginDisabled.sample(), at=now())
        assert told(listener) == []
    assert told(listener) == [""]
    assert listener.execute(AN_EVENT).fetchone() == (2,)


def test_of_an_event_that_can_wait_and_of_one_that_was_rolled_back_nobody_is_told(
    database: Database, listener
) -> None:
    add(database, PassScanned.sample())
    with suppress(ZeroDivisionError), database.transaction() as session:
        outbox.add(session, LoginDisabled.sample(), at=now())
        raise ZeroDivisionError
    assert told(listener) == []
    assert listener.execute(AN_EVENT).fetchone() == (1,)


def test_a_commit_of_which_nobody_can_be_told_stands(
    database: Database, listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakeups, "_NOTIFY", text("select no_function(:channels, :told)"))
    with capture_logs() as logs:
        add(database, LoginDisabled.sample())
    assert [one["event"] for one in logs] == ["nobody was told of a commit"]
    assert listener.execute(AN_EVENT).fetchone() == (1,)


async def test_the_pause_of_a_relay_ends_when_it_is_told(database: Database, stack) -> None:
    url = stack.database_url("verify_app", "verify").replace("postgresql+psycopg://", "postgresql://")
    relay = OutboxRelay(url, make_settings(RelaySettings), lambda: None)
    async with await AsyncTimeoutConnection.connect(url, autocommit=True) as connection:
        await relay._pause(connection, 0.1)
        await connection.execute("listen outbox")
        execute(database, "notify outbox")
        await relay._pause(connection, 600)
        await connection.execute("select")
