"""The nameko classes of verify on a real database: entrypoints, subscriptions and counters."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from contracts.envelope import Envelope
from contracts.errors import Forbidden
from contracts.events import Event
from contracts.rpc.call import Principal
from contracts.rpc.issuance import PassNumber
from contracts.rpc.verify.presence import InsideQuestion
from contracts.rpc.verify.scans import ScanResult
from services.chassis.runtime.clock import now
from services.verify.consumers import Consumers
from services.verify.handlers import pass_lookup
from services.verify.service import Service
from tests.support.factories.envelopes import deliver, key_ring, wrap
from tests.support.factories.verify import (
    SETTINGS,
    Gate,
    calling,
    erased,
    officer,
    pass_issued,
    pass_revoked,
    scan_of,
)


@pytest.fixture
def service(gate: Gate) -> Service:
    service = Service()
    service.db = gate.database
    service.settings = SETTINGS
    return service


@pytest.fixture
def consumers(gate: Gate) -> Consumers:
    consumers = Consumers()
    consumers.db = gate.database
    consumers.settings = SETTINGS
    return consumers


def on_the_wire(event: Event, seq: int = 1, event_id: UUID | None = None) -> Envelope:
    return wrap(event, event_id=event_id or uuid4(), seq=seq, occurred_at=now(), keys=key_ring())


def valid_now() -> dict:
    return {"valid_from": now() - timedelta(hours=1), "valid_to": now() + timedelta(hours=1)}


def test_a_party_of_an_issued_pass_is_scanned_and_then_listed_inside(
    service: Service, consumers: Consumers
) -> None:
    issued = pass_issued(**valid_now())
    deliver(consumers.on_pass_issued, on_the_wire(issued))
    answer = ScanResult.model_validate(service.scan(scan_of(issued), calling()))
    assert answer.verdict == "admit"
    inside = service.inside(InsideQuestion(site="PCS1"), calling())
    assert [one["pass"] for one in inside["items"]] == [issued.pass_number]


def test_pass_use_returns_only_whether_a_pass_is_used_up(gate: Gate, service: Service) -> None:
    issued = gate.issue(entries=2)

    unheard = PassNumber(number=pass_issued().pass_number)
    assert service.pass_use(unheard, calling()) == {"used": False}

    def pass_use() -> dict:
        return service.pass_use(PassNumber(number=issued.pass_number), calling(Principal()))

    assert pass_use() == {"used": False}
    for used in (False, True):
        gate.enter(issued)
        assert pass_use() == {"used": False}, "somebody is inside and still needs it to leave"
        gate.leave(issued)
        assert pass_use() == {"used": used}


def test_an_event_that_arrives_five_times_has_one_effect(gate: Gate, consumers: Consumers) -> None:
    issued = pass_issued()
    deliveries = [
        (consumers.on_pass_revoked, on_the_wire(pass_revoked(issued), 2)),
        (consumers.on_pass_issued, on_the_wire(issued)),
    ]
    deliveries.append((consumers.on_personal_data_erased, on_the_wire(erased(issued))))
    for handle, envelope in deliveries * 5:
        deliver(handle, envelope)
    assert len(gate.everything()["inbox"]) == 3
    assert (gate.row(issued).revoked_reason, gate.row(issued).people) == ("withdrawn", None)


def test_a_scan_that_finds_its_pass_changed_meanwhile_is_decided_again_with_the_pass_locked(
    gate: Gate, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued, see = gate.issue(**valid_now()), pass_lookup.read_all

    def see_and_let_in(*asked: Any) -> pass_lookup.Snapshot:
        seen = see(*asked)
        gate.scan(scan_of(issued), at=now())
        return seen

    monkeypatch.setattr(pass_lookup, "read_all", see_and_let_in)
    answer = ScanResult.model_validate(service.scan(scan_of(issued), calling()))
    assert answer.verdict == "already_inside"
    assert [one["verdict"] for one in gate.published()] == ["admit", "already_inside"]


def test_recorded_scans_and_previews_have_separate_counters(gate: Gate, service: Service) -> None:
    def counted() -> tuple[float, float]:
        labels = {"site": "PCS1", "gate": "PCS1-G1", "verdict": "admit"}
        scans = REGISTRY.get_sample_value("epass_scans_total", {**labels, "direction": "entry"})
        return scans or 0, REGISTRY.get_sample_value("epass_scan_previews_total", labels) or 0

    issued, (scans, previews) = gate.issue(**valid_now()), counted()
    service.scan(scan_of(issued, id_check=None), calling())
    assert counted() == (scans, previews + 1)
    service.scan(scan_of(issued), calling())
    assert counted() == (scans + 1, previews + 1)
    with pytest.raises(Forbidden):
        service.scan(scan_of(issued), calling(officer(site="PCS2")))
    assert counted() == (scans + 1, previews + 1)


def test_the_scheduled_jobs_close_overdue_visits_and_delete_old_tries(
    gate: Gate, consumers: Consumers
) -> None:
    yesterday = now() - timedelta(days=1)
    issued = gate.issue(valid_from=yesterday - timedelta(hours=1), valid_to=yesterday + timedelta(hours=1))
    gate.enter(issued, at=yesterday)
    consumers.close_overdue_visits()
    consumers.delete_old()
    assert gate.row(issued).inside == 0
