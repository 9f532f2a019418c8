"""`epass audit`: whatever a superuser does to the record is found; a range of days is exported whole."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError, ProgrammingError

from contracts.model import IST
from contracts.rpc.audit import AuditHeads, HeadQuestion
from services.chassis.audit import heads, record, seals
from services.chassis.audit.seals import AUDIT_LOG
from services.chassis.db import partitions
from services.chassis.db.database import idempotency_secret_of
from services.chassis.db.retention import kept_since, month_start
from services.chassis.runtime.clock import now
from services.ops.cli import main
from services.ops.inspection import inspect
from services.verify.models import SEALED_SCANS
from tests.support.factories.verify import Gate
from tests.support.stack.database_faults import superuser
from tests.support.stack.databases import execute, owner_of
from tests.support.stack.settings import EVENT_KEYS

SOURCES = {"approval": (AUDIT_LOG,), "verify": (AUDIT_LOG, SEALED_SCANS)}


@pytest.fixture
def database(databases):
    return databases["approval"]


@pytest.fixture
def tamper(stack, database) -> Iterator[psycopg.Connection]:
    with superuser(stack, "approval") as connection:
        yield connection


def add(database, count=1, at=None, seal_at=None, service="approval", months=24) -> None:
    """Add rows, each by a transaction of its own, and seal them together."""
    for number in range(count):
        with database.transaction() as session:
            record.record_task(session, f"action {number}", ["PCS-7K3M-9QWX"], at or now())
    seals.seal(database, service, SOURCES[service], months, seal_at)


def verify(database, monkeypatch, *options: str, service="approval") -> Result:
    monkeypatch.setenv("EPASS_DATABASE_URL", database.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("EPASS_EVENT_KEYS", ",".join(EVENT_KEYS))
    return CliRunner().invoke(main, ["audit", "verify", service, *options])


def test_a_record_that_nobody_touched_is_whole(database, monkeypatch) -> None:
    add(database, 3)
    add(database, 2)
    with database.transaction() as session:
        record.record_task(session, "not sealed yet", [], now())
    result = verify(database, monkeypatch)
    assert result.exit_code == 0, result.output
    assert "5 rows fit 2 seals, 1 are too new to have one, 1 heads, 0 problems" in result.output


COPIED = (
    "at - interval '1 day', actor, role, action, objects, result, address, correlation_id "
    "from audit_log where position = 5"
)
TAMPERING = {
    "edited": ("update audit_log set actor = 'SEC-0001' where position = 2", "seal 1 does not fit its rows"),
    "removed": ("delete from audit_log where position = 2", "1 rows are gone"),
    "reordered": (
        "update audit_log set position = case position when 2 then 3 else 2 end where position in (2, 3)",
        "a row was edited or moved",
    ),
    "moved to another seal": ("update audit_log set position = 9 where position = 2", "1 rows are gone"),
    "slipped in beside its seal": (
        f"insert into audit_log select gen_random_uuid(), 4, {COPIED}",
        "row 4 of",
    ),
    "slipped in with the seal's positions": (
        f"insert into audit_log select gen_random_uuid(), 2, {COPIED}",
        "1 rows were slipped in",
    ),
    "seal edited": ("update audit_seals set rows = 2 where number = 1", "seal 1 was edited"),
    "seal removed": ("delete from audit_seals where number = 2", "seal 3 does not follow"),
    "seals reordered": (
        "update audit_seals set number = case number when 2 then 3 else 2 end where number in (2, 3)",
        "does not follow the one before it",
    ),
    "head edited": ("update audit_heads set number = 2", "no key of EPASS_EVENT_KEYS has signed it"),
}


@pytest.mark.parametrize("done", TAMPERING)
def test_what_a_superuser_does_to_rows_seals_and_heads_is_found(database, tamper, monkeypatch, done) -> None:
    add(database, 3)
    with tamper.transaction():
        tamper.execute("select nextval('audit_log_positions')")
    add(database)
    add(database)
    assert verify(database, monkeypatch).exit_code == 0
    statement, expected = TAMPERING[done]
    tamper.execute("alter table audit_seals drop constraint audit_seals_pkey")
    try:
        if "position = case" in statement:  # two rows change places, and the key is checked row by row
            tamper.execute("update audit_log set position = 100 where position = 3")
            tamper.execute("update audit_log set position = 3 where position = 2")
            tamper.execute("update audit_log set position = 2 where position = 100")
        else:
            tamper.execute(statement)
        result = verify(database, monkeypatch)
        assert result.exit_code == 1
        assert expected in result.output
    finally:
        tamper.execute("truncate audit_log, audit_seals, audit_heads")
        tamper.execute("alter table audit_seals add primary key (number)")


def test_a_tail_that_was_cut_off_with_its_seals_is_found_by_a_head_that_somebody_kept(
    database, tamper, monkeypatch, tmp_path
) -> None:
    add(database, 2, seal_at=now() - timedelta(hours=2))
    add(database, 2)
    file = keep_heads(database, tmp_path)
    assert verify(database, monkeypatch, "--heads", str(file)).exit_code == 0
    tamper.execute("delete from audit_heads where number > 1")
    tamper.execute("delete from audit_seals where number > 1")
    tamper.execute("delete from audit_log where position > 2")
    assert verify(database, monkeypatch).exit_code == 0, "the rest is a whole chain by itself"
    result = verify(database, monkeypatch, "--heads", str(file))
    assert result.exit_code == 1
    assert "this seal is gone, the chain was cut off" in result.output


def test_a_chain_that_was_made_anew_is_found_by_a_head_that_somebody_kept(
    database, tamper, monkeypatch, tmp_path
) -> None:
    add(database, 2)
    file = keep_heads(database, tmp_path)
    tamper.execute("delete from audit_heads")
    tamper.execute("delete from audit_seals")
    tamper.execute("update audit_log set actor = 'SEC-0001'")
    seals.seal(database, "approval", (AUDIT_LOG,), 24)
    assert verify(database, monkeypatch).exit_code == 0
    result = verify(database, monkeypatch, "--heads", str(file))
    assert result.exit_code == 1
    assert "the chain was made anew" in result.output


def test_a_head_that_no_service_has_signed_proves_nothing(database, monkeypatch, tmp_path) -> None:
    add(database)
    file = keep_heads(database, tmp_path)
    forged = json.loads(file.read_text())
    forged["items"][0]["head"] = "0" * 64
    file.write_text(json.dumps(forged))
    result = verify(database, monkeypatch, "--heads", str(file))
    assert "no key of EPASS_EVENT_KEYS has signed it" in result.output


def test_months_that_the_rule_dropped_are_named_and_no_others(database, tamper, monkeypatch) -> None:
    old = kept_since(now(), 13) - timedelta(days=1)
    add(database, 2, at=old, months=24)
    add(database, 1)
    tamper.execute("delete from audit_log where at < now() - interval '1 year'")
    assert verify(database, monkeypatch).exit_code == 1, "the rule did not say so"
    seals.seal(database, "approval", (AUDIT_LOG,), 13)
    result = verify(database, monkeypatch)
    assert result.exit_code == 0, result.output
    assert f"1 seals are of months before {kept_since(now(), 13).astimezone(IST).date()}" in result.output
    tamper.execute("delete from audit_log")
    assert verify(database, monkeypatch).exit_code == 1


def test_no_seal_may_say_that_rows_of_last_year_were_dropped(database, monkeypatch) -> None:
    add(database)
    seals.seal(database, "approval", (AUDIT_LOG,), 2)
    result = verify(database, monkeypatch)
    assert "says that rows were dropped that have to be kept" in result.output


def forge_unguarded(database, **said: object) -> None:
    """Add a seal that the database would refuse, as its superuser can."""
    execute(owner_of(database), "alter table audit_seals disable trigger check_seal")
    try:
        forge(database, **said)
    finally:
        execute(owner_of(database), "alter table audit_seals enable trigger check_seal")


def forge(database, **said: object) -> None:
    """Add a seal that fits the one before it, as the role of the service."""
    with database.transaction() as session:
        row = session.execute(text(f"select {seals.COLUMNS}, head from audit_seals order by 1 desc")).first()
        *values, head = row
        last = seals.Seal(*values)
        empty = {"positions": "{}", "rows": 0, "digest": seals.NOTHING, "sealed_at": now()}
        one = replace(last, **{"number": last.number + 1, "previous": head} | empty | said)
        session.execute(seals._ADD, {**vars(one), "head": one.head("approval")})


FORGED = {
    "later than now": ({"sealed_at": now() + timedelta(days=1)}, "which cannot be"),
    "earlier than the seal before": ({"sealed_at": now() - timedelta(days=1)}, "which cannot be"),
    "drops months that have to be kept": (
        {"sealed_at": datetime(2099, 1, 1, tzinfo=UTC), "pruned_before": date(2097, 1, 1)},
        "seal 2 says that rows were dropped that have to be kept",
    ),
    "goes through what nobody added": ({"through": 2**62}, "but it goes through 2"),
    "has the last number": ({"number": 2**63 - 1}, "does not follow the one before it"),
}


def test_what_a_seal_says_of_itself_is_not_believed(database, tamper, monkeypatch) -> None:
    add(database, 2)
    for said, expected in FORGED.values():
        with pytest.raises(DBAPIError, match="does not follow"):
            forge(database, **said)
        forge_unguarded(database, **said)
        result = verify(database, monkeypatch)
        assert (result.exit_code, expected in result.output) == (1, True), expected
        tamper.execute("delete from audit_seals where number > 1")
        assert verify(database, monkeypatch).exit_code == 0


TO_COME = {
    "the next row": ("{[3,4)}", 1),
    "all rows of the next hours": ("{[3,1000000)}", 0),
    "all of them, counted": ("{[3,1000000)}", 999_997),
    "one that is there and one to come": ("{[2,4)}", 1),
    "rows without an end": ("{[3,)}", 0),
    "rows that it does not count": ("{[1,3)}", 1),
}


def test_the_database_takes_no_seal_that_names_rows_to_come(database) -> None:
    """Nobody would miss their own seals: `AuditUnsealed` looks for rows that no seal names."""
    add(database, 2)
    for positions, rows in TO_COME.values():
        with pytest.raises(DBAPIError, match="a seal names"):
            forge(database, positions=positions, rows=rows)
    forge(database, positions="{[1,3)}", rows=2)


@pytest.mark.parametrize("position", [2**62, 2**63 - 1])
@pytest.mark.parametrize("service", SOURCES)
def test_no_service_adds_a_row_above_all_to_come_after_which_none_would_be_sealed(
    databases, service, position
) -> None:
    database = databases[service]
    for source in SOURCES[service]:
        insert = f"insert into {source.table} (position) values ({position})"
        with database.engine.connect() as stolen, pytest.raises(ProgrammingError, match="permission denied"):
            stolen.execute(text(insert))


@pytest.mark.parametrize("through", [0, 2**62])
def test_a_row_that_nobody_seals_is_a_problem_wherever_it_stands(database, monkeypatch, through) -> None:
    add(database)
    if through:  # a seal of no row, above all that will ever be
        forge_unguarded(database, positions=f"{{[{through},{through + 1})}}", through=through)
    assert verify(database, monkeypatch).exit_code == 0
    with database.transaction() as session:
        record.record_task(session, "late", [], now() - 2 * seals.SETTLED - timedelta(minutes=1))
    result = verify(database, monkeypatch)
    assert result.exit_code == 1
    assert "no seal has it" in result.output
    url = database.engine.url.render_as_string(hide_password=False)
    assert (inspect(url).unsealed_seconds or 0) > 600


def test_heads_that_nobody_signs_any_more_are_a_problem(database, monkeypatch) -> None:
    add(database, seal_at=now() - timedelta(hours=3))
    result = verify(database, monkeypatch)
    assert result.exit_code == 0, result.output
    assert "the newest head is of seal 1, signed" in result.output
    monkeypatch.setattr(heads, "sign_if_due", lambda *_: None)
    add(database)
    result = verify(database, monkeypatch)
    assert result.exit_code == 1
    assert "seals were added, and no head was signed for two hours" in result.output


def test_scans_are_sealed_as_they_are(databases, stack, monkeypatch) -> None:
    gate = Gate(databases["verify"])
    gate.enter(gate.issue())
    seals.seal(gate.database, "verify", SOURCES["verify"], 24)
    assert verify(gate.database, monkeypatch, service="verify").exit_code == 0
    with superuser(stack, "verify") as connection:
        connection.execute("update scans set told = not told, reason = 'erased'")
        assert verify(gate.database, monkeypatch, service="verify").exit_code == 0
        connection.execute("update scans set verdict = 'revoked'")
    result = verify(gate.database, monkeypatch, service="verify")
    assert result.exit_code == 1
    assert "scans: seal 1 does not fit its rows: a row was edited or moved" in result.output


def test_no_scan_is_stored_without_a_position_by_which_a_seal_names_it(databases) -> None:
    gate = Gate(databases["verify"])
    insert = (
        "insert into scans (id, position, site, gate, direction, verdict, count, inside, marks, scanned_at, "
        "recorded_at, scanned_by, nonce, body_hmac, told) values (gen_random_uuid(), null, 'PCS1', "
        "'PCS1-G1', 'entry', 'unknown_pass', 0, 0, '{}', now(), now(), 'SEC-0001', 'another', '', true)"
    )
    with pytest.raises(IntegrityError, match='"position"'):
        execute(owner_of(gate.database), insert)


def test_an_export_has_whole_seals_whose_digests_anybody_can_compute(database, monkeypatch) -> None:
    yesterday = now() - timedelta(days=1)
    add(database, 2, at=yesterday - timedelta(days=9))
    add(database, 3, at=yesterday)
    with database.transaction() as session:
        record.record_task(session, "not sealed yet", [], now())
    days = [f"{at.astimezone(IST).date()}" for at in (yesterday, now())]
    verify(database, monkeypatch)
    result = CliRunner().invoke(main, ["audit", "export", "approval", "--from", days[0], "--to", days[1]])
    assert result.exit_code == 0, result.output
    first, *lines = map(json.loads, result.output.splitlines())
    assert first["columns"][:4] == ["position", "id", "at", "actor"]
    (sealed,) = [one["seal"] for one in lines if "seal" in one]
    raw = [line for line in result.output.splitlines() if '"values"' in line]
    values = [line.partition('"values": ')[2][:-1] for line in raw]
    assert sealed["rows"] == len(values) == 3
    assert hashlib.sha256("\n".join(values).encode()).hexdigest() == sealed["digest"]
    assert [one["unsealed"][5] for one in lines if "unsealed" in one] == ["not sealed yet"]


def keep_heads(database, folder):
    """Store what /.well-known/audit-heads gives of approval, and return the file."""
    with database.queries() as session:
        found = heads.list_heads(HeadQuestion(), session, "approval")
    file = folder / "heads.json"
    file.write_text(AuditHeads.model_validate(found).model_dump_json())
    return file


def test_partitions_of_the_log_end_with_months(database) -> None:
    with database.engine.begin() as connection:
        partitions.add_months(connection, now())
        names = set(
            connection.scalars(
                text(
                    "select inhrelid::regclass::text from pg_inherits where inhparent = 'audit_log'::regclass"
                )
            )
        )
    assert f"audit_log_{month_start(now(), 2):%Y_%m}" in names


def test_an_auditor_asks_who_searched_for_a_vehicle_in_any_spelling(database, monkeypatch) -> None:
    with database.transaction() as session:
        secret = idempotency_secret_of(session)
        for action, plate in (("lookup", "PB65AB1234"), ("list_reviews", "PB65AB1235")):
            record.record_task(session, action, [record.search_name(secret, "vehicle", plate)], now())
    monkeypatch.setenv("EPASS_DATABASE_URL", database.engine.url.render_as_string(hide_password=False))

    def asked(*options: str, key: str = secret.decode()) -> Result:
        monkeypatch.setenv("EPASS_IDEMPOTENCY_SECRET", key)
        return CliRunner().invoke(main, ["audit", "searches", *options])

    found = asked("--vehicle", "pb-65 ab 1234").output.splitlines()
    assert [line.split(",", 1)[1] for line in found] == [
        "actor,role,action,result",
        "command line,operations,lookup,done",
    ]
    assert len(asked("--vehicle", "PB65AB1234", key="z" * 40).output.splitlines()) == 1
    assert [asked(*options).exit_code for options in ((), ("--mobile", "12"))] == [2, 2]
