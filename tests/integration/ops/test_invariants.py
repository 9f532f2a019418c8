"""`epass invariants`: holds where all is well, says what is broken where a row was tampered with, reads nothing personal."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from contracts.subscriptions import SERVICES
from services.notify.adapters.channels import PermanentChannelError
from services.ops.databases import Snapshot
from services.ops.grants import READABLE
from services.ops.invariants import DOWNSTREAM_FIRST, count
from services.ops.queues import consumer_queues, dead_queue
from tests.support.factories.notify import RecordingChannel
from tests.support.factories.ops import Town, epass
from tests.support.running import Process, eventually
from tests.support.wire import wire

Json = dict[str, Any]
PERSONAL = {
    "accounts": "select mobile_sealed from otp_codes",
    "application": "select name from applications",
    "approval": "select personal from reviews",
    "issuance": "select personal from passes",
    "notify": "select personal from messages",
    "verify": "select visitors from passes",
}


@pytest.fixture
def town(databases, topology) -> Town:
    """Services that have done nothing yet, and a broker on which nothing lies."""
    made = Town(databases)
    topology.grant_ops()
    with wire(topology.broker_url("administrator")) as broker:
        for queue in (*consumer_queues(), *(f"epass.delay.{step}" for step in range(4))):
            broker.purge(queue)
            if not queue.startswith("epass."):
                broker.purge(dead_queue(queue))
    return made


@pytest.fixture
def busy(town: Town) -> Town:
    """One of each kind: pending, rejected, returned, cancelled, withdrawn, printed, not delivered, inside, left."""
    names = ("pending", "rejected", "returned", "cancelled", "withdrawn", "failed", "inside", "left")
    references = {name: town.apply() for name in names} | {"printed": town.apply_at_counter()}
    town.carry()
    town.reject(references["rejected"])
    town.send_back(references["returned"])
    for name in ("withdrawn", "failed"):
        town.approve(references[name])
    town.carry()
    town.send_messages(RecordingChannel(*[PermanentChannelError("refused")] * 50))
    town.withdraw(references["withdrawn"])
    town.cancel(references["cancelled"])
    for name in ("inside", "left", "printed"):
        town.approve(references[name])
    town.carry()
    town.send_messages()
    town.print_pass(town.pass_of(references["printed"]))
    for name in ("inside", "left"):
        town.scan(town.pass_of(references[name]))
    town.scan(town.pass_of(references["left"]), "exit")
    town.carry()
    return town


def invariants(stack, *arguments: str, **settings: str) -> tuple[int, Json]:
    """The exit code, and the invariants by name."""
    done = epass(stack, "invariants", "--json", *arguments, **settings)
    assert done.returncode in {0, 1}, done.stderr
    return done.returncode, {one["name"]: one for one in json.loads(done.stdout)["invariants"]}


def tamper(town: Town, service: str, statement: str) -> None:
    with town.databases[service].transaction() as session:
        assert session.execute(text(statement)).rowcount >= 1


def test_all_hold_on_a_system_that_works(busy: Town, topology) -> None:
    code, found = invariants(topology, "--grace", "0")
    assert code == 0, found
    assert all(one["holds"] for one in found.values())
    assert (found["applied"]["applied"], found["applied"]["parts"]) == (
        9,
        {"decided": 7, "pending": 1, "cancelled": 1, "expired": 0},
    )
    assert (found["approved"]["approved"], found["approved"]["parts"]) == (
        5,
        {"issued": 5, "ended before": 0, "in flight": 0},
    )
    assert found["issued"]["issued"] == 5
    assert {name: number for name, number in found["issued"]["parts"].items() if number} == {
        "delivered": 2,
        "printed": 1,
        "failed": 2,
    }
    assert (found["inside"]["entries"], found["inside"]["parts"]) == (2, {"exits": 1, "inside": 1})


def test_lines_for_a_person_say_the_same(busy: Town, topology) -> None:
    done = epass(topology, "invariants")
    assert done.returncode == 0
    assert "applied   holds   applied 9 = decided 7 + pending 1 + cancelled 1 + expired 0" in done.stdout


def test_what_is_under_way_breaks_nothing(busy: Town, topology) -> None:
    busy.apply()
    reference = busy.apply()
    busy.carry()
    busy.approve(reference)
    code, found = invariants(topology, "--grace", "0")
    assert code == 0, found
    assert found["approved"]["parts"]["in flight"] == 1


def test_an_event_that_lies_in_the_dead_letters_is_not_lost_and_one_that_lies_nowhere_is(
    busy: Town, topology
) -> None:
    busy.approve(reference := busy.apply_and_carry())
    tamper(busy, "approval", "update outbox set sent_at = now()")
    assert busy.review_of(reference)
    with wire(topology.broker_url("administrator")) as broker:
        broker.publish("epass.dead", "issuance.PassApproved.dead", b"the approval")
        broker.publish("epass.dead", "application.PassApproved.dead", b"the approval")
        code, found = invariants(topology, "--grace", "0")
        assert (code, found["approved"]["parts"]["in flight"]) == (0, 1), found
        broker.purge("issuance.PassApproved.dead")
        code, found = invariants(topology, "--grace", "0")
        broker.purge("application.PassApproved.dead")
    assert (code, found["applied"]["holds"]) == (1, True)
    assert found["approved"]["faults"]["in flight and lost"] == 1
    code, found = invariants(topology)
    assert code == 0, "a moment ago it may still be on its way"


TAMPERINGS = [
    ("application", "update applications set status = 'vanished' where status = 'cancelled'", {"applied"}),
    (
        "application",
        "delete from revisions where application_id = (select id from applications where status = 'submitted')",
        {"applied"},
    ),
    ("approval", "delete from heard_applications where cancelled_at is not null", {"applied"}),
    ("approval", "insert into heard_applications (application_id) values (gen_random_uuid())", {"applied"}),
    (
        "approval",
        "update decisions set status = 'rejected' where status = 'approved'",
        {"applied", "approved"},
    ),
    (
        "issuance",
        "delete from passes where number = (select max(number) from passes where revoked_at is null)",
        {"approved", "issued"},
    ),
    ("issuance", "update applications set approved_revision = 0", {"approved"}),
    ("notify", "delete from messages where purpose = 'pass_issued' and state = 'delivered'", {"issued"}),
    ("notify", "update messages set pass_number = 'ZZZZZZZZ' where state = 'not_needed'", {"issued"}),
    ("verify", "update passes set inside = inside + 1 where inside > 0", {"inside"}),
    ("verify", "delete from scans where verdict = 'exit'", {"inside"}),
    ("verify", "update passes set admitted = 0 where admitted > 0", {"inside"}),
    ("verify", "select 1", set()),
]


def test_each_tampering_breaks_the_invariant_that_it_offends_and_no_other(busy: Town, topology) -> None:
    """Each in transactions that are rolled back."""
    for service, statement, broken in TAMPERINGS:
        with ExitStack() as open_:
            databases = {name: open_.enter_context(rolled_back(topology, name)) for name in DOWNSTREAM_FIRST}
            assert databases[service].execute(statement).rowcount >= 1, statement
            found = [balance.judge(lambda _queues: 0) for balance in count(snapshots_of(databases), 0)]
            assert {balance.name for balance in found if not balance.holds} == broken, statement


@contextmanager
def rolled_back(stack, service: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(
        stack.database_url(service).replace("postgresql+psycopg://", "postgresql://")
    ) as connection:
        yield connection
        connection.rollback()


def snapshots_of(databases: Mapping[str, psycopg.Connection]) -> dict[str, Snapshot]:
    return {name: Snapshot(name, connection) for name, connection in databases.items()}


def test_the_command_names_what_is_broken(busy: Town, topology) -> None:
    tamper(busy, "verify", "update passes set inside = inside + 1 where inside > 0")
    done = epass(topology, "invariants")
    assert done.returncode == 1
    assert "inside    BROKEN  entries 2 = exits 1 + inside 2" in done.stdout
    assert "passes that do not balance: 1" in done.stdout
    assert done.stdout.count(" holds ") == 3


def test_more_persons_leave_than_had_entered(town: Town, topology) -> None:
    """They are let out and counted; how many of them had been in is known within bounds, and beyond is a fault."""
    town.approve(reference := town.apply_and_carry())
    town.carry()
    number = town.pass_of(reference)
    town.scan(number)
    town.scan(number, "exit", 3)
    town.scan(number, "exit")
    code, found = invariants(topology)
    assert (code, found["inside"]["entries"], found["inside"]["parts"]) == (0, 1, {"exits": 1, "inside": 0})
    tamper(town, "verify", "update passes set inside = 2")
    assert invariants(topology)[0] == 1


def test_where_it_cannot_look_it_says_so_and_neither_yes_nor_no(town: Town, topology) -> None:
    away = topology.environment("administrator")["EPASS_OPS_DATABASE_URLS"].replace("/verify", "/nowhere")
    done = epass(topology, "invariants", EPASS_OPS_DATABASE_URLS=away)
    assert (done.returncode, done.stdout) == (2, "")
    assert "verify: EPASS_OPS_DATABASE_URLS does not name it" in done.stderr
    away = away.replace("/nowhere", "/verify").replace(
        topology.database_url("ops", "verify").split("@")[1], "127.0.0.1:1/verify"
    )
    done = epass(topology, "invariants", EPASS_OPS_DATABASE_URLS=away)
    assert done.returncode == 2
    assert "verify: OperationalError" in done.stderr
    assert "127.0.0.1" not in done.stderr


def test_the_role_of_ops_reads_the_columns_that_are_counted_and_no_others(town: Town, topology) -> None:
    for service in SERVICES:
        _reads_only_what_is_counted(topology, service)


def _reads_only_what_is_counted(topology, service: str) -> None:
    url = topology.database_url("ops", service).replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(url, autocommit=True) as connection:
        readable = connection.execute(
            """
            select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm') and a.attnum > 0 and not a.attisdropped
              and has_column_privilege(c.oid, a.attnum, 'select')
            """
        ).fetchall()
        assert set(readable) == {
            (table, column) for table, columns in READABLE[service].items() for column in columns.split(", ")
        }
        for statement in (
            "delete from outbox",
            "update outbox set sent_at = now()",
            "insert into outbox (type) values ('x')",
            PERSONAL[service],
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_the_exporter_tells_of_dead_letters_of_what_waits_and_of_a_broken_invariant(
    busy: Town, topology, tmp_path
) -> None:
    process = Process(
        ["-m", "services.ops.cli", "ops-exporter"],
        {**topology.environment("exporter"), "EPASS_OPS_INTERVAL": "1"},
        tmp_path / "exporter.log",
        inherit=False,
    ).start()
    try:
        assert process.metric("epass_invariant_holds") == 4
        assert process.metric('epass_dead_letters{queue="verify.PassRevoked"}') == 0
        assert process.metric('epass_queue_consumers{queue="verify.PassRevoked"}') == 0
        tamper(busy, "application", "update outbox set sent_at = null, added_at = now() - interval '1 hour'")
        eventually(
            lambda: process.metric('epass_outbox_lag_seconds{database="application"}') > 3600,
            "an hour of waiting is seen",
        )
        tamper(busy, "application", "update outbox set sent_at = now()")
        eventually(
            lambda: process.metric('epass_outbox_waiting{database="application"}') == 0,
            "nothing waits any more",
        )
        with wire(topology.broker_url("administrator")) as broker:
            broker.publish("epass.dead", "verify.PassRevoked.dead", b"a letter")
            eventually(
                lambda: process.metric('epass_dead_letters{queue="verify.PassRevoked"}') == 1,
                "the dead letter is counted",
            )
            broker.purge("verify.PassRevoked.dead")
        tamper(busy, "verify", "update passes set inside = 0")
        eventually(lambda: process.metric('epass_invariant_holds{name="inside"}') == 0, "broken", 40)
        assert process.metric("epass_invariant_holds") == 3
        assert process.metric("epass_ops_looked_at_timestamp_seconds") > 0
        topology.kill_broker()
        eventually(lambda: not process.is_ready(), "it says that it cannot look")
    finally:
        topology.start_broker()
        process.kill()
