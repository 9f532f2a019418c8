"""`epass affected`: a planted breach, from what the audit logs say to the numbers of those to be told."""

import csv
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from contracts import rpc
from contracts.model import IST, Wire
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.call import Nothing
from contracts.rpc.requests import SendRequest
from contracts.rpc.verify.manifests import ManifestQuestion
from services.application.handlers import requests
from services.application.settings import ApplicationSettings
from services.chassis.audit import record
from services.chassis.runtime.clock import now
from services.verify.handlers.manifests import make_manifest
from tests.integration.ops.command_line import epass
from tests.integration.ops.services_without_broker import GATE, MOBILE, ServicesWithoutBroker
from tests.support.factories.application import reception_call
from tests.support.factories.verify import SETTINGS, calling, officer
from tests.support.stack.databases import execute, owner_of
from tests.support.stack.extent import long
from tests.support.stack.settings import make_settings

pytestmark = long
THIEF = "SEC-0007"


class Named(Wire):
    """A reply that names applications."""

    references: tuple[str, ...]


@pytest.fixture
def services(databases, topology) -> ServicesWithoutBroker:
    made = ServicesWithoutBroker(databases)
    topology.grant_rights()
    return made


def listed(stack, *arguments: str) -> dict[str, dict[str, str]]:
    """Return the lines that the command prints about this week, by reference."""
    since = f"{datetime.now(IST) - timedelta(days=1):%Y-%m-%d}"
    until = f"{datetime.now(IST) + timedelta(days=9):%Y-%m-%d}"
    done = epass(stack, "affected", "list", "--since", since, "--until", until, *arguments)
    assert done.returncode == 0, done.stderr
    return {line["reference"]: line for line in csv.DictReader(done.stdout.splitlines())}


def mobiles_of(stack, name: str) -> list[dict[str, str]]:
    found = epass(
        stack, "affected", "mobiles", "--by", "OPS-0001",
        typed=f"reference,first,last,acts\n{name},,,\n",
        EPASS_DATABASE_URL=stack.database_url("application_app", "application"),
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    return list(csv.DictReader(found.stdout.splitlines()))


def took_the_list(services: ServicesWithoutBroker, at: datetime) -> None:
    """Let a gate take its manifest at an instant, by a login that was stolen."""
    db = services.databases["verify"]
    request, call = ManifestQuestion(gate=GATE), calling(officer(site="S1", gate=GATE, login_id=THIEF))
    method = rpc.verify.manifests.MANIFEST
    with record.recording(method, request, call, SimpleNamespace(db=db)), db.transaction() as session:
        make_manifest(request, call, session, at, SETTINGS)
    execute(owner_of(db), "update audit_log set at = :at where action = 'manifest'", at=at)


def test_whoever_was_on_a_list_that_a_gate_took_or_on_a_page_is_found_and_nobody_else(
    services: ServicesWithoutBroker, topology
) -> None:
    on_the_list, later, waiting = services.approved(), services.approved(), services.apply_and_deliver()
    begins = datetime.fromisoformat(f"{services.window['date']}T{services.window['from']}").replace(
        tzinfo=IST
    )
    issued_later = "update passes set issued_at = :at where reference = :key"
    execute(owner_of(services.databases["issuance"]), issued_later, at=begins + timedelta(hours=1), key=later)
    took_the_list(services, begins)

    view, call = rpc.application.VIEW_APPLICATION, reception_call(login="RCP-0001")
    application = SimpleNamespace(db=services.databases["application"])
    with record.recording(view, ReferenceOnly(reference=waiting), call, application) as entry:
        assert entry is not None
        record.finish(entry, Nothing(), application.db)

    assert set(listed(topology, "--login", THIEF)) == {on_the_list}
    assert set(listed(topology, "--object", GATE)) == {on_the_list}
    assert listed(topology, "--login", THIEF)[on_the_list]["acts"] == "verify.manifest"
    assert set(listed(topology, "--login", "rcp-0001")) == {waiting}
    assert set(listed(topology, "--login", THIEF, "--login", "RCP-0001")) == {on_the_list, waiting}
    assert set(listed(topology, "--process", "approval")) == {on_the_list, later, waiting}
    assert waiting not in listed(topology, "--process", "verify")


def planted(services: ServicesWithoutBroker, actor: str, name: str, at: datetime) -> None:
    """Add the row of a look to the log of application."""
    execute(
        owner_of(services.databases["application"]),
        "insert into audit_log (at, actor, role, action, objects, result, address, correlation_id) "
        "values (:at, :actor, 'x', 'look', array[:name], 'done', '', '')",
        at=at, actor=actor, name=name,
    )  # fmt: skip


def test_who_sent_a_request_that_was_read_is_found_and_told(
    services: ServicesWithoutBroker, topology
) -> None:
    with services.databases["application"].transaction() as session:
        request = SendRequest(kind="complaint", text="Why?", language="pa")
        settings = make_settings(ApplicationSettings)
        number = requests.send(request, services.citizen(), session, now(), settings).request_number
    planted(services, "GRO-0001", number, now())
    assert set(listed(topology, "--login", "GRO-0001")) == {number}
    assert set(listed(topology, "--process", "application")) == {number}
    assert set(listed(topology, "--process", "gateway")) == {number}
    assert listed(topology, "--process", "approval") == {}
    assert mobiles_of(topology, number) == [{"reference": number, "language": "pa", "mobile": MOBILE}]


def test_what_an_open_page_showed_already_before_the_first_minute_counts(
    services: ServicesWithoutBroker, topology
) -> None:
    shown, long_ago = services.apply_and_deliver(), services.apply_and_deliver()
    begins = datetime.combine(datetime.now(IST) - timedelta(days=1), datetime.min.time(), IST)
    planted(services, "RCP-0001", shown, begins - record.KNOWN_FOR / 2)
    planted(services, "RCP-0001", long_ago, begins - 2 * record.KNOWN_FOR)
    assert set(listed(topology, "--login", "RCP-0001")) == {shown}


def test_an_applicant_is_found_by_their_keyed_name_which_is_in_lower_case(
    services: ServicesWithoutBroker, topology
) -> None:
    reference = services.apply_and_deliver()
    planted(services, "applicant:a1b2c3", reference, now())
    assert set(listed(topology, "--login", "applicant:a1b2c3")) == {reference}


def test_a_scan_names_its_pass_also_where_its_gate_took_no_list(
    services: ServicesWithoutBroker, topology
) -> None:
    scanned, _other = services.approved(), services.approved()
    services.scan(services.pass_of(scanned))
    assert set(listed(topology, "--login", "SEC-0001")) == {scanned}


def test_a_page_with_very_many_people_is_recorded_whole(databases) -> None:
    db = databases["application"]
    many = tuple(f"PCS-{number:04d}-{number:04d}" for number in range(1_000))
    method: Any = rpc.application.WAITING_HERE
    with record.recording(method, Nothing(), reception_call(), SimpleNamespace(db=db)) as entry:
        assert entry is not None
        record.finish(entry, Named(references=many), db)
    with db.transaction() as session:
        rows = session.execute(text("select objects from audit_log where action = 'waiting_here'")).scalars()
        assert sorted(name for objects in rows for name in objects) == sorted(many)


def test_the_mobiles_of_those_to_be_told_are_printed_and_the_log_says_to_whom(
    services: ServicesWithoutBroker, topology
) -> None:
    one = services.approved()
    assert mobiles_of(topology, one) == [{"reference": one, "language": "pa", "mobile": MOBILE}]
    with services.databases["application"].transaction() as session:
        query = text("select action, objects from audit_log where actor = 'command line'")
        assert session.execute(query).all() == [("affected_mobiles", ["OPS-0001", one])]


def test_after_a_restore_a_command_erases_again_what_a_person_had_erased_and_names_what_stays(
    services: ServicesWithoutBroker, topology
) -> None:
    cancelled, waiting = services.apply_and_deliver(), services.apply_and_deliver()
    services.cancel(cancelled)
    done = epass(
        topology, "erase", cancelled, waiting, name="application", EPASS_KEPT_AT_LEAST_DAYS="0",
        EPASS_DATABASE_URL=topology.database_url("application_app", "application"),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (
        1,
        f"erased: {cancelled}; the photograph alone: -; locked: -\n",
    ), done.stderr
    assert waiting in done.stderr


def test_the_command_names_what_it_needs(topology) -> None:
    refused = epass(topology, "affected", "list", "--since", "2026-12-01")
    assert (refused.returncode, "--process" in refused.stderr) == (2, True)
