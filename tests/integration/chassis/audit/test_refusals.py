"""What strangers are refused is counted by the minute: nobody can fill the log, and no refusal is missing."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from contracts.errors import NotAuthenticated
from contracts.rpc.accounts.sessions import LogIn
from contracts.rpc.audit import AuditQuestion
from services.accounts.service import Service
from services.chassis.audit import refusals, seals
from services.chassis.audit.entries import list_entries
from services.chassis.audit.seals import AUDIT_LOG
from services.chassis.runtime.clock import now
from tests.support.factories.accounts import ADDRESS, SETTINGS, a_call, given_login
from tests.support.factories.approval import AUDITOR, by

HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def database(databases):
    databases["accounts"].memory.clear()
    return databases["accounts"]


def row(at: datetime, address: str, result: str = "wrong_login", about: str = "HOM-0001") -> dict:
    facts = {"actor": "anonymous", "role": "anonymous", "action": "log_in", "correlation_id": ""}
    return {**facts, "at": at, "objects": [about], "result": result, "address": address}


def written(database) -> list:
    """Add all that was counted, and return what an auditor sees of it, the oldest first."""
    refusals.write(database)
    with database.queries() as session:
        page = list_entries(AuditQuestion(limit=200), by(AUDITOR), session, now(), "accounts")
    return list(reversed(page.items))


def rows(database) -> tuple[int, int]:
    with database.queries() as session:
        return tuple(
            session.execute(
                text(
                    "select count(*), coalesce(sum(size), 0) from ("
                    "select pg_column_size(audit_log.*) as size from audit_log) as each"
                )
            ).one()
        )


def test_what_is_refused_at_sign_in_is_one_row_a_minute_with_its_number_and_what_it_was_about(
    database,
) -> None:
    for login in ("HOM-0001", "HOM-0002"):
        given_login(database, login)
    service = Service()
    service.db, service.settings = database, SETTINGS
    for number, login in enumerate(["HOM-0001", "HOM-0001", "HOM-0002"]):
        with pytest.raises(NotAuthenticated):
            service.log_in(LogIn(login_id=login, password="wrong"), a_call(key=f"{number}"))
    assert written(database)[-1].times in {2, 3}, "unless a minute was over meanwhile"
    shown = written(database)
    assert sum(one.times for one in shown) == 3
    assert {one.address for one in shown} == {ADDRESS}
    assert {name for one in shown for name in one.objects} == {"HOM-0001", "HOM-0002"}
    assert {(one.actor, one.action, one.result) for one in shown} == {("anonymous", "log_in", "wrong_login")}


def test_whoever_tries_one_password_at_many_logins_is_found_by_each_of_them(database) -> None:
    names = [f"HOM-{number:04}" for number in range(300)]
    for name in names:
        refusals.count(database, row(HOUR, "an address", about=name))
    (shown,) = written(database)
    assert (shown.times, shown.objects) == (300, tuple(names))
    with database.queries() as session:
        asked = AuditQuestion(object=names[-1])
        assert list_entries(asked, by(AUDITOR), session, now(), "accounts").items == (shown,)


def test_addresses_of_one_block_share_a_row_and_leave_the_others_theirs(database) -> None:
    for number in range(refusals.MOST_ROWS + 10):
        refusals.count(database, row(HOUR, f"address {number}"), "a block")
    refusals.count(database, row(HOUR, "another address"), "another address")
    shown = sorted(written(database), key=lambda one: one.times)
    assert [(one.address, one.times, one.addresses) for one in shown] == [
        ("another address", 1, 0),
        ("a block", refusals.MOST_ROWS + 10, refusals.MOST_ROWS + 10),
    ]


def test_names_of_many_addresses_fill_no_log(database) -> None:
    for number in range(40_000):
        refusals.count(database, row(HOUR, f"address {number % 40}", about=f"HOM-{number:05}"))
    shown = written(database)
    assert sum(len(one.objects) for one in shown) < refusals.MOST_NAMES + 40 * refusals.MOST_OBJECTS
    assert sum(one.times for one in shown) == 40_000


CROWDS = {"one address": (1, 60), "100 addresses": (100, 60 * 51), "20,000 addresses": (20_000, 60 * 51)}


@pytest.mark.parametrize("crowd", CROWDS)
def test_an_hour_of_24000_refusals_adds_few_rows_and_none_is_left_out(database, crowd) -> None:
    addresses, most = CROWDS[crowd]
    for number in range(24_000):
        at = HOUR + timedelta(hours=number / 24_000)
        refusals.count(database, row(at, f"address {number % addresses}", about=f"HOM-{number % 500:04}"))
    refusals.write(database)
    found, size = rows(database)
    with database.queries() as session:
        listed = session.scalars(text("select objects from audit_log")).all()
    print(f"{crowd}: {found} rows, {size / 1000:.0f} kB instead of 24,000 rows")
    assert found <= most
    assert sum(refusals.counted(objects)[0] for objects in listed) == 24_000
    assert all(len(objects) <= refusals.SIGN_IN["log_in"] + 2 for objects in listed)


def test_a_row_of_other_addresses_says_how_many_they_are(database) -> None:
    for number in range(refusals.MOST_ROWS + 30):
        for _ in range(2):
            refusals.count(database, row(HOUR, f"address {number}"))
    *_, others = sorted(written(database), key=lambda one: one.addresses)
    assert (others.times, others.addresses, others.address, others.actor) == (60, 30, "", "anonymous")


def test_replicas_each_add_what_they_have_counted(database) -> None:
    for _replica in range(3):
        database.memory.clear()
        for _ in range(7):
            refusals.count(database, row(HOUR, "an address"))
        refusals.write(database)
    assert [one.times for one in written(database)] == [7, 7, 7]


def test_a_minute_is_added_when_it_is_over_and_is_sealed_like_every_row(database) -> None:
    at = now()
    refusals.count(database, row(at, "an address"))
    refusals.write(database, at)
    assert rows(database)[0] == 0
    refusals.write(database, at + timedelta(minutes=1))
    assert rows(database)[0] == 1
    assert seals.seal(database, "accounts", (AUDIT_LOG,), 24) == 1


@pytest.mark.parametrize(("part", "other"), [("seal", "write"), ("write", "seal")])
def test_refusals_and_seals_do_not_wait_for_each_other(database, monkeypatch, part, other) -> None:
    refusals.count(database, row(HOUR, "an address"))
    called = []
    fail = {"seal": lambda *_, **__: 1 / 0, "write": lambda *_: 1 / 0}
    module = {"seal": seals, "write": refusals}
    go_on = getattr(module[other], other)
    monkeypatch.setattr(module[part], part, fail[part])
    monkeypatch.setattr(module[other], other, lambda *a, **b: called.append(1) or go_on(*a, **b))
    monkeypatch.setattr(seals.Job, "repeat", lambda _job, work, **_: work())
    with pytest.raises(ZeroDivisionError):
        seals.run(database, "accounts", (AUDIT_LOG,), 24)
    assert called
    assert rows(database)[0] == (1 if other == "write" else 0)


def test_what_cannot_be_added_is_added_later(database, monkeypatch) -> None:
    refusals.count(database, row(HOUR, "an address"))
    insert = refusals.insert
    monkeypatch.setattr(refusals, "insert", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        refusals.write(database)
    monkeypatch.setattr(refusals, "insert", insert)
    assert len(written(database)) == 1


def test_what_is_counted_while_its_minute_cannot_be_added_is_added_with_it(database, monkeypatch) -> None:
    refusals.count(database, row(HOUR, "an address"))
    insert = refusals.insert
    monkeypatch.setattr(refusals, "insert", lambda *_: refusals.count(database, row(HOUR, "late")) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        refusals.write(database)
    monkeypatch.setattr(refusals, "insert", insert)
    assert {one.address for one in written(database)} == {"an address", "late"}


def test_a_process_that_ends_while_its_job_adds_a_minute_adds_the_others(database, monkeypatch) -> None:
    for minute in range(3):
        refusals.count(database, row(HOUR + timedelta(minutes=minute), "an address"))
    insert = refusals.insert

    def while_the_process_ends(*given) -> None:
        monkeypatch.setattr(refusals, "insert", insert)
        refusals.write(database)
        insert(*given)

    monkeypatch.setattr(refusals, "insert", while_the_process_ends)
    refusals.write(database, now() + timedelta(hours=2))
    assert rows(database)[0] == 3
