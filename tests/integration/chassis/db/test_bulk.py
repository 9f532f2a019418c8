"""Many rows in one statement: each is stored as the ORM would store it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, select

from services.chassis.db import bulk
from services.chassis.db.database import Database
from services.verify.models import PassRow

PASSES = PassRow.metadata.tables["passes"]
NOON = datetime(2026, 12, 1, 6, 30, 0, 123456, tzinfo=UTC)


@pytest.fixture
def database(databases) -> Database:
    return databases["verify"]


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


def stored(database: Database) -> list[dict[str, Any]]:
    columns = [PASSES.c[name] for name in row(0)]
    with database.transaction() as session:
        return [dict(one) for one in session.execute(select(*columns).order_by(PASSES.c.number)).mappings()]


def test_rows_are_stored_with_all_their_values_by_one_statement(database: Database) -> None:
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    rows = [row(number) for number in range(100)]
    with database.transaction() as session:
        assert bulk.insert_rows(session, PASSES, rows) == 100
    assert len(statements) == 1
    assert stored(database) == rows


def test_a_row_that_is_there_already_is_left_as_it_is_and_not_counted(database: Database) -> None:
    with database.transaction() as session:
        bulk.insert_rows(session, PASSES, [row(1)])
        assert bulk.insert_rows(session, PASSES, [row(1, inside=9), row(2)]) == 1
    assert stored(database) == [row(1), row(2)]
