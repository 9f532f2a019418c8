"""`epass invariants`: they hold when all is well, find every changed row, and read nothing personal."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from sqlalchemy import select, text

from contracts.subscriptions import SERVICES
from services.application.handlers.scheduled_jobs import erase_personal_data
from services.application.models import PERSONAL, ApplicationRow
from services.chassis.runtime.clock import now
from services.notify.adapters.channels import PermanentChannelError
from services.ops.databases import Snapshot
from services.ops.invariants import DOWNSTREAM_FIRST, count
from services.ops.queues import consumer_queues, dead_queue
from tests.integration.ops.command_line import epass
from tests.integration.ops.services_without_broker import ServicesWithoutBroker
from tests.support.factories.notify import RecordingChannel
from tests.support.stack.database_faults import demoted
from tests.support.stack.databases import owner_of
from tests.support.stack.extent import long
from tests.support.stack.running import Process, eventually
from tests.support.stack.wire import wire

pytestmark = long

Json = dict[str, Any]


@pytest.fixture
def services(databases, topology) -> ServicesWithoutBroker:
    """Services that have done nothing yet, and a broker whose queues are empty."""
    made = ServicesWithoutBroker(databases)
    topology.grant_rights()
    with wire(topology.broker_url("administrator")) as broker:
        for queue in (*consumer_queues(), *(f"epass.delay.{step}" for step in range(4))):
            broker.purge(queue)
            if not queue.startswith("epass."):
                broker.purge(dead_queue(queue))
    return made


@pytest.fixture
def busy_services(services: ServicesWithoutBroker) -> ServicesWithoutBroker:
    """One of each kind: pending, rejected, returned, cancelled, withdrawn, printed, not delivered, inside,
    left, met, not met."""
    names = ("pending", "rejected", "returned", "cancelled", "withdrawn", "failed", "inside", "left")
    references = {name: services.apply() for name in names} | {"printed": services.apply_at_counter()}
    services.deliver_all()
    services.reject(references["rejected"])
    services.send_back(references["returned"])
    for name in ("withdrawn", "failed"):
        services.approve(references[name])
    services.deliver_all()
    services.send_messages(RecordingChannel(*[PermanentChannelError("refused")] * 50))
    services.withdraw(references["withdrawn"])
    services.cancel(references["cancelled"])
    for name in ("inside", "left", "printed"):
        services.approve(references[name])
    services.deliver_all()
    services.send_messages()
    services.print_pass(services.pass_of(references["printed"]))
    for name in ("inside", "left", "printed", "failed"):
        services.scan(services.pass_of(references[name]))
    services.scan(services.pass_of(references["left"]), "exit")
    services.deliver_all()
    services.end_visit(references["printed"], "met")
    services.end_visit(references["failed"], "not_met", "officer_away")
    services.deliver_all()
    return services


def invariants(stack, *arguments: str, **settings: str) -> tuple[int, Json]:
    """Run the command; return the exit code and the invariants by name."""
    done = epass(stack, "invariants", "--json", *arguments, **settings)
    assert done.returncode in {0, 1}, done.stderr
    return done.returncode, {one["name"]: one for one in json.loads(done.stdout)["invariants"]}


def tamper(services: ServicesWithoutBroker, service: str, statement: str) -> None:
    with owner_of(services.databases[service]).transaction() as session:
        assert session.execute(text(statement)).rowcount >= 1


def test_all_invariants_hold_on_a_system_that_works_and_the_command_prints_what_is_broken(
    busy_services: ServicesWithoutBroker, topology
) -> None:
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
    assert (found["inside"]["entries"], found["inside"]["parts"]) == (4, {"exits": 1, "inside": 3})
    visits = {name: number for name, number in found["met"]["parts"].items() if number}
    assert visits == {"met": 1, "not met": 1, "gone without a word": 1, "inside": 1}
    done = epass(topology, "invariants")
    assert done.returncode == 0
    assert "applied   holds   applied 9 = decided 7 + pending 1 + cancelled 1 + expired 0" in done.stdout
    tamper(busy_services, "verify", "update passes set inside = inside + 1 where inside > 0")
    done = epass(topology, "invariants")
    assert done.returncode == 1
    assert "inside    BROKEN  entries 4 = exits 1 + inside 6" in done.stdout
    assert "passes that do not balance: 3" in done.stdout
    assert done.stdout.count(" holds ") == 8


def test_events_under_way_break_no_invariant(busy_services: ServicesWithoutBroker, topology) -> None:
    busy_services.apply()
    reference = busy_services.apply()
    busy_services.deliver_all()
    busy_services.approve(reference)
    code, found = invariants(topology, "--grace", "0")
    assert code == 0, found
    assert found["approved"]["parts"]["in flight"] == 1


@pytest.fixture
def lost_revocation(busy_services: ServicesWithoutBroker, topology) -> str:
    """The number of a pass that was revoked and whose PassRevoked was dropped from the dead letters."""
    number = busy_services.pass_of(reference := busy_services.approved())
    busy_services.withdraw(reference)
    busy_services.deliver_all(without={"PassRevoked"})
    with wire(topology.broker_url("administrator")) as broker:
        broker.publish("epass.dead", "verify.PassRevoked.dead", b"the revocation")
        code, found = invariants(topology, "--grace", "0")
        assert (code, found["revoked"]["parts"]) == (0, {"known at gates": 1, "in flight": 1}), found
        broker.purge("verify.PassRevoked.dead")
    return number


def test_a_revocation_that_was_dropped_from_the_dead_letters_is_named_and_sent_again(
    busy_services: ServicesWithoutBroker, lost_revocation: str, topology
) -> None:
    code, found = invariants(topology, "--grace", "0")
    assert (code, found["revoked"]["faults"]["in flight and lost"]) == (1, 1)
    assert busy_services.scan(lost_revocation).verdict == "admit"

    assert epass(topology, "outbox", "replay-unseen", "--broker-is-empty", name="relay").returncode == 0
    busy_services.deliver_all()
    assert invariants(topology, "--grace", "0")[0] == 0
    assert busy_services.scan(lost_revocation).verdict == "revoked"


def test_a_revocation_that_is_in_no_outbox_any_more_comes_with_a_list(
    busy_services: ServicesWithoutBroker, lost_revocation: str, topology
) -> None:
    busy_services.sign_status_list()
    assert busy_services.scan(lost_revocation).list_age_s is None, "it was revoked just now"

    later = now() + timedelta(minutes=6)
    busy_services.sign_status_list(later)
    refused = busy_services.scan(lost_revocation, at=later)
    assert (refused.verdict, refused.list_age_s is None) == ("revoked", False)
    assert invariants(topology, "--grace", "0")[0] == 0


def test_an_event_in_the_dead_letters_is_not_lost_and_one_in_no_queue_is(
    busy_services: ServicesWithoutBroker, topology
) -> None:
    busy_services.approve(reference := busy_services.apply_and_deliver())
    tamper(busy_services, "approval", "update outbox set sent_at = now()")
    assert busy_services.review_of(reference)
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


PARTS_OF_MET = (
    "outcome = 'met'", "outcome = 'not_met'", "outcome is null and left_at is not null",
    "outcome is null and left_at is null",
)  # fmt: skip
"""Which visits are in each part of those who were admitted; without one of them it does not balance."""
TAMPERINGS = [
    ("application", "update applications set status = 'vanished' where status = 'cancelled'", {"applied"}),
    (
        "application",
        (
            "delete from revisions "
            "where application_id = (select id from applications where status = 'submitted')"
        ),
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
    ("verify", "update passes set revoked_seq = 0 where revoked_seq > 0", {"revoked"}),
    ("issuance", "update passes set revoked_at = null where revoked_at is not null", {"revoked"}),
    ("verify", "update passes set inside = inside + 1 where inside > 0", {"inside"}),
    ("verify", "delete from scans where verdict = 'admit'", {"inside", "met"}),
    ("approval", "update reviews set entered_on = null where entered_on is not null", set()),
    *(
        (
            "approval",
            (
                f"with gone as (delete from visits where {part} returning review_id) "
                "update reviews set entered_on = null from gone where id = review_id"
            ),
            {"met"},
        )
        for part in PARTS_OF_MET
    ),
    ("verify", "delete from scans where verdict = 'exit'", {"inside"}),
    ("verify", "update passes set admitted = 0 where admitted > 0", {"inside"}),
    ("verify", "insert into erased_applications values (gen_random_uuid())", {"erased"}),
    ("verify", "select 1", set()),
]
A_PIN = """
insert into supervisors (login_id, site, named_by, named_at, key_id)
values ('SEC-0009', 'PCS1', 'ADO-0001', now(), gen_random_uuid())
"""
A_LOGIN = """
insert into logins (login_id, role, name, password_hash, must_change_password, issued_by, issued_at,
  disabled_at, language)
values ('SEC-0009', 'security', 'Somebody', '', false, 'ADO-0001', now(), {disabled_at}, 'en')
"""
A_RULE = """
insert into supervisor_rules (site, demanded, decided_by, decided_at) values ('PCS1', true, 'ADO-0001', now())
"""
A_SITE = "insert into sites (code, seq, gates) values ('PCS1', 1, '{}')"
AN_ENTRY = """
insert into watchlist_entries (id, traits, valid_until, proposed_by, proposed_at, confirmed_by, confirmed_at)
values (gen_random_uuid(), '{}', current_date, 'ADO-0001', now(), 'ADO-0002', now())
"""


WRITTEN: list[tuple[list[tuple[str, str]], set[tuple[str, str]]]] = [
    ([("verify", A_PIN), ("accounts", A_LOGIN.format(disabled_at="null"))], set()),
    ([("verify", A_PIN)], {("pins", "of no login")}),
    (
        [("verify", A_PIN), ("accounts", A_LOGIN.format(disabled_at="now() - interval '1 day'"))],
        {("pins", "of a disabled login and lost")},
    ),
    (
        [
            ("verify", A_PIN),
            ("accounts", A_LOGIN.format(disabled_at="null")),
            ("accounts", "update logins set valid_until = current_date - 2"),
        ],
        {("pins", "of a login whose last day has passed")},
    ),
    ([("verify", A_RULE)], {("guarded", "nobody can agree")}),
    ([("verify", A_SITE)], set()),
    ([("verify", A_SITE), ("approval", AN_ENTRY)], {("guarded", "nobody can agree")}),
    (
        [
            ("verify", "delete from sites"),
            ("verify", A_SITE),
            ("verify", A_RULE.replace("true", "false")),
            ("verify", A_PIN),
            ("accounts", A_LOGIN.format(disabled_at="null")),
            ("approval", AN_ENTRY),
        ],
        {("guarded", "watched and not demanded")},
    ),
    (
        [
            ("verify", "delete from sites"),
            ("verify", A_SITE),
            ("verify", A_RULE),
            ("verify", A_PIN),
            ("accounts", A_LOGIN.format(disabled_at="null")),
            ("approval", AN_ENTRY),
        ],
        set(),
    ),
]


def test_a_pin_of_a_login_that_is_gone_and_a_site_where_nobody_can_agree_are_found(
    services: ServicesWithoutBroker, topology
) -> None:
    for written, faults in WRITTEN:
        with ExitStack() as open_:
            databases = {name: open_.enter_context(rolled_back(topology, name)) for name in DOWNSTREAM_FIRST}
            for service, statement in written:
                databases[service].execute(statement)
            found = [balance.judge(lambda _queues: 0) for balance in count(snapshots_of(databases), 0)]
        found_faults = {(one.name, name) for one in found for name, number in one.faults.items() if number}
        assert found_faults == faults, written
        assert {one.name for one in found if not one.holds} == {name for name, _ in faults}


def test_each_changed_row_breaks_its_invariant_and_no_other(
    busy_services: ServicesWithoutBroker, topology
) -> None:
    """Each change is in a transaction that is rolled back."""
    for service, statement, broken in TAMPERINGS:
        with ExitStack() as open_:
            databases = {name: open_.enter_context(rolled_back(topology, name)) for name in DOWNSTREAM_FIRST}
            assert databases[service].execute(statement).rowcount >= 1, statement
            found = [balance.judge(lambda _queues: 0) for balance in count(snapshots_of(databases), 0)]
            assert {balance.name for balance in found if not balance.holds} == broken, statement


FORGOTTEN = {
    "approval": "update heard_applications set erased_at = null where erased_at is not null",
    "issuance": "update applications set erased = false where erased",
    "notify": "update applications set erased_at = null where erased_at is not null",
    "verify": "delete from erased_applications",
}


ERASED = "where erased_at is not null"
OF_REVIEWS = f"from heard_applications as known {ERASED} and known.application_id = reviews.application_id"
OF_MESSAGES = f"from applications as known {ERASED} and known.id = messages.application_id"
FILLED = {
    "name": "'G'", "name_latin": "'G'", "name_keys": "'{g}'", "companions": "'[{}]'", "purpose": "'p'",
    "note": "'n'", "mobile": "'+91'", "email": "'g'", "id_type": "'pan'", "id_last4": "'4821'",
    "official": "'{}'", "guardian": "'{}'", "vehicle": "'PB'", "correction": "'{}'",
}  # fmt: skip
LEFT_BEHIND = (
    *(("application", f"update applications set {one} = {value} {ERASED}") for one, value in FILLED.items()),
    *(
        ("approval", f"update reviews set {left} {OF_REVIEWS}")
        for left in (
            "name = 'G'",
            "name_keys = '{g}'",
            "correction = '{}'",
            'personal = \'{"purpose": "p"}\'',
        )
    ),
    ("issuance", "update applications set mobile = '+91' where erased"),
    ("notify", f"update applications set mobile_sealed = 's' {ERASED}"),
    ("notify", f"update messages set personal = 's' {OF_MESSAGES}"),
    ("verify", "insert into erased_applications select application_id from passes limit 1"),
)


def test_every_column_that_an_erasure_blanks_is_looked_at() -> None:
    assert FILLED.keys() == PERSONAL.keys()


def test_an_application_whose_people_one_service_still_knows_is_found(
    busy_services: ServicesWithoutBroker, topology
) -> None:
    busy_services.cancel(busy_services.apply_and_deliver())
    busy_services.deliver_all()
    with busy_services.databases["application"].transaction() as session:
        (erased,) = session.scalars(
            select(ApplicationRow.id).where(ApplicationRow.status == "cancelled").limit(1)
        )
        erase_personal_data(erased, session, now())
    code, found = invariants(topology, "--grace", "0")
    assert (code, found["erased"]["parts"]) == (0, {"everywhere": 0, "locked": 0, "in flight": 1}), found
    busy_services.deliver_all()
    code, found = invariants(topology, "--grace", "0")
    assert (code, found["erased"]["parts"]) == (0, {"everywhere": 1, "locked": 0, "in flight": 0}), found
    tamper(busy_services, "application", "update outbox set sent_at = now()")
    for service, statement in FORGOTTEN.items():
        with ExitStack() as open_:
            databases = {name: open_.enter_context(rolled_back(topology, name)) for name in DOWNSTREAM_FIRST}
            assert databases[service].execute(statement).rowcount == 1, service
            found = [balance.judge(lambda _queues: 0) for balance in count(snapshots_of(databases), 0)]
            faults = {one.name: {name for name, number in one.faults.items() if number} for one in found}
            assert {name: those for name, those in faults.items() if those} == {
                "erased": {f"{service} and lost"}
            }
    for service, left in LEFT_BEHIND:
        with ExitStack() as open_:
            databases = {name: open_.enter_context(rolled_back(topology, name)) for name in DOWNSTREAM_FIRST}
            assert databases[service].execute(left).rowcount >= 1, left
            (balance,) = [one for one in count(snapshots_of(databases), 0) if one.name == "erased"]
            still = {one for one, number in balance.faults.items() if number and one.endswith("names them")}
            assert (still, balance.holds) == ({f"{service} still names them"}, False), left
    with ExitStack() as open_:
        databases = {name: open_.enter_context(rolled_back(topology, name)) for name in DOWNSTREAM_FIRST}
        databases["application"].execute("update applications set erased_at = null")
        (balance,) = [one for one in count(snapshots_of(databases), 0) if one.name == "erased"]
        assert balance.faults["erased elsewhere alone"] == 1, "as after a restore of application alone"
        for until, late in (("+ interval '1 day'", 0), ("- interval '25 hours'", 1)):
            databases["application"].execute(
                f"update applications set locked_at = now(), locked_until = now() {until} where id = %s",
                (erased,),
            )
            (balance,) = [one for one in count(snapshots_of(databases), 0) if one.name == "erased"]
            assert balance.parts == {"everywhere": 0, "locked": 1, "in flight": 0}
            assert {name: number for name, number in balance.faults.items() if number} == (
                {"locked, and not erased a day after it could be": 1} if late else {}
            ), "its people are in application alone, and no longer than its day"
        databases["verify"].execute("delete from erased_applications")
        (balance,) = [one for one in count(snapshots_of(databases), 0) if one.name == "erased"]
        assert not balance.judge(lambda _queues: 0).holds, "verify still names a locked one"


@contextmanager
def rolled_back(stack, service: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(
        stack.database_url("postgres", service).replace("postgresql+psycopg://", "postgresql://")
    ) as connection:
        yield connection
        connection.rollback()


def snapshots_of(databases: Mapping[str, psycopg.Connection]) -> dict[str, Snapshot]:
    return {name: Snapshot(name, connection) for name, connection in databases.items()}


def test_decisions_and_messages_may_be_gone_once_the_people_of_an_application_are_erased(
    busy_services: ServicesWithoutBroker, topology
) -> None:
    with ExitStack() as open_:
        databases = {name: open_.enter_context(rolled_back(topology, name)) for name in DOWNSTREAM_FIRST}
        assert databases["approval"].execute("delete from decisions").rowcount >= 1
        assert databases["notify"].execute("delete from messages").rowcount >= 1
        for erased, broken in ((True, {"erased"}), (False, {"approved", "issued"})):
            databases["issuance"].execute("update applications set erased = %s", (erased,))
            found = [balance.judge(lambda _queues: 0) for balance in count(snapshots_of(databases), 0)]
            assert {balance.name for balance in found if not balance.holds} == broken


def test_passes_whose_scans_are_of_a_month_that_was_dropped_are_not_balanced(
    busy_services: ServicesWithoutBroker, topology
) -> None:
    with ExitStack() as open_:
        databases = {name: open_.enter_context(rolled_back(topology, name)) for name in DOWNSTREAM_FIRST}
        verify = databases["verify"]
        ((month,),) = verify.execute("select distinct tableoid::regclass::text from scans").fetchall()
        verify.execute(f"alter table scans detach partition {month}")
        databases["approval"].execute("delete from visits")  # those of the last days alone are compared
        assert verify.execute("select count(*) from scans").fetchone() == (0,)
        found = [balance.judge(lambda _queues: 0) for balance in count(snapshots_of(databases), 0)]
        assert {balance.name for balance in found if not balance.holds} == set()


def test_an_exit_of_more_persons_than_had_entered_balances_within_bounds(
    services: ServicesWithoutBroker, topology
) -> None:
    """They are let out and counted; how many had entered is known within bounds, and more is a fault."""
    services.approve(reference := services.apply_and_deliver())
    services.deliver_all()
    number = services.pass_of(reference)
    services.scan(number)
    services.scan(number, "exit", 3)
    services.scan(number, "exit")
    code, found = invariants(topology)
    assert (code, found["inside"]["entries"], found["inside"]["parts"]) == (0, 1, {"exits": 1, "inside": 0})
    tamper(services, "verify", "update passes set inside = 2")
    assert invariants(topology)[0] == 1


def test_an_unreadable_database_is_reported_with_exit_code_2(
    services: ServicesWithoutBroker, topology
) -> None:
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


def test_the_exporter_counts_dead_letters_outboxes_and_a_broken_invariant(
    busy_services: ServicesWithoutBroker, topology, tmp_path
) -> None:
    process = Process(
        ["-m", "services.ops.cli", "ops-exporter"],
        {**topology.environment("exporter"), "EPASS_OPS_INTERVAL": "1"},
        tmp_path / "exporter.log",
        inherit=False,
    ).start()
    try:
        assert process.metric("epass_invariant_holds") == 9
        assert process.metric('epass_dead_letters{queue="verify.PassRevoked"}') == 0
        assert process.metric('epass_queue_consumers{queue="verify.PassRevoked"}') == 0
        tamper(
            busy_services,
            "application",
            "update outbox set sent_at = null, added_at = now() - interval '1 hour'",
        )
        eventually(
            lambda: process.metric('epass_outbox_lag_seconds{database="application"}') > 3600,
            "an hour of waiting is seen",
        )
        tamper(busy_services, "application", "update outbox set sent_at = now()")
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
        writable = "epass_database_writable"
        assert process.metric(writable) == len(SERVICES)
        with demoted(topology, ""):
            eventually(lambda: process.metric(writable) == 0, "none of them takes changes")
        eventually(lambda: process.metric(writable) == len(SERVICES), "all of them take changes again")
        tamper(busy_services, "verify", "update passes set inside = 0")
        eventually(lambda: process.metric('epass_invariant_holds{name="inside"}') == 0, "broken", 40)
        assert process.metric("epass_invariant_holds") == 8
        assert process.metric('epass_job_success_age_seconds{job_name="look_at_invariants"}') < 60
        topology.kill_broker()
        eventually(lambda: not process.is_ready(), "it is not ready")
    finally:
        topology.start_broker()
        process.kill()
