"""The outbox numbers the events of a subject, and remembers no number that nobody asks for again."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from contracts.envelope import Envelope
from contracts.events import Event, LoginDisabled, SessionEnded
from contracts.subscriptions import SERVICES
from services.accounts.models import SessionRow
from services.chassis.db.database import Database
from services.chassis.db.tables import event_sequences
from services.chassis.db.tables import outbox as outbox_table
from services.chassis.messaging import outbox
from services.chassis.runtime import logs

NOW = datetime(2026, 12, 1, 5, tzinfo=UTC)


def disabled(login: str) -> LoginDisabled:
    return LoginDisabled(login_id=login, disabled_by="ADO-0001", sessions_until=NOW)


def add(database: Database, *events: Event) -> None:
    with database.transaction() as session:
        for one in events:
            outbox.add(session, one, at=NOW)


def numbers(database: Database) -> list[tuple[str, int]]:
    with database.transaction() as session:
        columns = (outbox_table.c.subject, outbox_table.c.seq)
        return [tuple(row) for row in session.execute(select(*columns).order_by(outbox_table.c.position))]


def remembered(database: Database) -> dict[str, int]:
    with database.transaction() as session:
        return {row.subject: row.seq for row in session.execute(select(event_sequences))}


def test_the_events_of_each_subject_are_numbered_by_themselves(databases) -> None:
    database = databases["accounts"]
    add(database, disabled("A"), disabled("B"))
    add(database, disabled("A"))
    assert numbers(database) == [("login:A", 1), ("login:B", 1), ("login:A", 2)]
    assert remembered(database) == {"login:A": 2, "login:B": 1}


def test_the_only_event_of_a_subject_leaves_no_number_behind(databases) -> None:
    database, session_id = databases["accounts"], uuid4()
    add(database, SessionEnded(sid=session_id, token_expires_at=NOW))
    assert numbers(database) == [(f"session:{session_id}", 1)]
    assert remembered(database) == {}


def test_all_events_of_a_transaction_are_stored_by_one_statement(databases) -> None:
    database, statements = databases["accounts"], []

    def listener(*arguments: Any) -> None:
        statements.append(arguments[2])

    event.listen(database.engine, "before_cursor_execute", listener)
    try:
        add(database, disabled("A"), disabled("B"), SessionEnded(sid=uuid4(), token_expires_at=NOW))
    finally:
        event.remove(database.engine, "before_cursor_execute", listener)
    assert ["pg_notify" in one for one in statements] == [False, True]
    assert len(numbers(database)) == 3


def test_events_of_a_savepoint_that_is_rolled_back_are_forgotten_and_those_around_it_stay(databases) -> None:
    database = databases["accounts"]

    def fail(session: Session) -> None:
        with session.begin_nested():
            outbox.add(session, disabled("refused"), at=NOW)
            with session.begin_nested():
                outbox.add(session, disabled("refused-within"), at=NOW)
            raise ZeroDivisionError

    with database.transaction() as session:
        outbox.add(session, disabled("before"), at=NOW)
        with pytest.raises(ZeroDivisionError):
            fail(session)
        outbox.add(session, disabled("after"), at=NOW)
        with session.begin_nested():
            outbox.add(session, disabled("within"), at=NOW)
    assert [subject for subject, _ in numbers(database)] == ["login:before", "login:after", "login:within"]


def test_events_around_a_savepoint_that_fails_at_its_end_stay(databases) -> None:
    """The flush at the end of a savepoint is no reason to store, or to forget, what was added before it."""
    database = databases["accounts"]

    def fail(session: Session) -> None:
        with session.begin_nested():
            outbox.add(session, disabled("refused"), at=NOW)
            session.add(SessionRow(sid=uuid4()))

    with database.transaction() as session:
        outbox.add(session, disabled("before"), at=NOW)
        with pytest.raises(IntegrityError):
            fail(session)
    assert [subject for subject, _ in numbers(database)] == ["login:before"]


def test_no_trigger_notifies(databases) -> None:
    """At the commit of what it is part of NOTIFY takes a lock that all databases of the server share."""
    found: dict[str, str] = {}
    for service in SERVICES:
        with databases[service].transaction() as session:
            rows = session.execute(text("select proname from pg_proc where prosrc ~* 'pg_notify *\\('"))
            found |= dict.fromkeys(rows.scalars(), service)
    assert found == {}


def test_a_row_always_fits_into_an_envelope_however_long_its_correlation_id_is(databases) -> None:
    database = databases["accounts"]
    with logs.context(correlation_id="c" * 65):
        add(database, disabled("A"))
    with database.transaction() as session:
        row = session.execute(select(outbox_table)).mappings().one()
    columns = {name: row[name] for name in Envelope.model_fields}
    assert Envelope.model_validate(columns).correlation_id == "c" * 64
