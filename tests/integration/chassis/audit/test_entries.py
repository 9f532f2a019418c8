"""Who has looked at most people: counted from the audit log of a service, by its index of time."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import event, text

from contracts.errors import Forbidden
from contracts.rpc.audit import Looker, LookQuestion
from services.chassis.audit import entries
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from tests.support.factories.approval import AUDITOR, by, desk
from tests.support.stack.databases import owner_of

ACTIONS = ("list_reviews", "view_review")


@pytest.fixture
def database(databases) -> Database:
    found: Database = databases["approval"]
    return found


def look(database: Database, actor: str, *objects: str, at: datetime | None = None, **given: str) -> None:
    facts = {"role": "department", "action": "list_reviews", "result": "done", **given}
    row = {"at": at or now(), "actor": actor, "objects": list(objects), **facts}
    columns = ", ".join(row)
    values = ", ".join(f":{name}" for name in row)
    with database.transaction() as session:
        session.execute(
            text(f"insert into audit_log (address, correlation_id, {columns}) values ('', '', {values})"), row
        )


def asked(database: Database, days: int = 1, call=None) -> list[Looker]:
    question = LookQuestion(since=now() - timedelta(days=days), actions=ACTIONS)
    with database.queries() as session:
        return list(entries.most_looks(question, call or by(AUDITOR), session).items)


def test_who_has_looked_at_most_people_comes_first_and_each_person_counts_once(database) -> None:
    people = [f"PCS-0000-{number:04}" for number in range(30)]
    for _ in range(3):
        look(database, "HOM-0001", *people[:5], "0195f3a2-0000-4000-8000-000000000000", "ABCD2345")
    look(database, "HOM-0002", *people, result="refreshed")
    look(database, "HOM-0002", people[0], action="view_review")
    look(database, "HOM-0003")
    assert [(one.actor, one.people, one.looks) for one in asked(database)] == [
        ("HOM-0002", 30, 2),
        ("HOM-0001", 5, 3),
        ("HOM-0003", 0, 1),
    ]


def test_what_was_refused_or_is_no_look_or_is_older_does_not_count(database) -> None:
    look(database, "HOM-0001", "PCS-0000-0001", result="forbidden")
    look(database, "HOM-0001", "PCS-0000-0001", action="approve")
    look(database, "HOM-0001", "PCS-0000-0001", at=now() - timedelta(days=2))
    assert asked(database) == []
    assert [one.people for one in asked(database, days=7)] == [1]


def test_nobody_but_an_auditor_sees_it(database) -> None:
    with pytest.raises(Forbidden):
        asked(database, call=by(desk()))


@pytest.mark.parametrize("days", [1, 7])
def test_it_reads_only_the_rows_of_its_days_by_the_index_of_time(database, days: int) -> None:
    with database.transaction() as session:
        session.execute(
            text("""
            insert into audit_log (at, actor, role, action, objects, result, address, correlation_id)
            select now() - interval '24 months' * n / 60000, 'HOM-0001', 'department', 'list_reviews',
              array['PCS-0000-' || lpad((n % 9999)::text, 4, '0')], 'done', '', ''
            from generate_series(0, 60000) n
            """)
        )
    with owner_of(database).transaction() as session:
        session.execute(text("analyze audit_log"))
    seen: list[tuple[str, object]] = []
    heard = ("before_cursor_execute", lambda *call: seen.append((call[2], call[3])))
    event.listen(database.engine, *heard)
    assert asked(database, days)[0].looks < 60_000 / 700 * days
    event.remove(database.engine, *heard)
    statement, parameters = next(one for one in seen if "audit_log" in one[0])
    with database.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"explain {statement}", parameters).scalars().all()
    assert any("_at_id_idx" in line for line in plan), "\n".join(plan)
    assert not any("Seq Scan on audit_log_until" in line for line in plan), "\n".join(plan)
