"""What a gate holds to go on without a network."""

import base64
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from contracts.commitment import commit
from contracts.errors import Forbidden, InvalidInput
from contracts.events import DirectoryChanged, GateRules, SiteRecord, StatusListSigned
from contracts.model import IST, Companion, Official
from contracts.rpc.verify import ManifestQuestion
from services.verify.service import Service
from tests.support.factories.verify import (
    GATE,
    ISSUER,
    NOON,
    SETTINGS,
    VALID_FROM,
    VALID_TO,
    Gate,
    Issuer,
    applicant,
    calling,
    erased,
    gates_of,
    officer,
    pass_issued,
    pass_revoked,
    token_of,
)

DAY = timedelta(days=1)


@pytest.fixture
def gate(databases) -> Gate:
    return Gate(databases["verify"])


def numbers(gate: Gate, **question: object) -> list[str]:
    return [one.pass_ for one in gate.manifest(**question).passes]


def question(**changes: object) -> ManifestQuestion:
    return ManifestQuestion.model_validate({"gate": GATE} | changes)


def test_a_pass_is_listed_with_its_terms_its_people_and_its_state(gate: Gate) -> None:
    companion = Companion(name="Harjit Singh", id_type="driving_licence", id_last4="0917")
    issued = gate.issue(
        companion, entries=2, vehicle_allowed=True, assistance="wheelchair", officer="secretary"
    )
    gate.enter(issued, count=1)
    (one,) = gate.manifest().passes
    state = gate.row(issued)
    assert one.model_dump(exclude={"id_commitments", "commitment_key", "applicant", "companions"}) == {
        "pass": issued.pass_number, "reference": issued.reference, "site": "PCS1", "gate": None, "party": 2,
        "entries": 2, "valid_from": VALID_FROM, "valid_to": VALID_TO, "further_days": (), "closed_days": (),
        "revoked": False, "inside": 1, "admitted": 1, "day": 0, "admitted_before": 0,
        "presumed_gone_at": state.presumed_gone_at, "inside_since": NOON, "last_gate": GATE,
        "vehicle": "CH01AB1234", "vehicle_allowed": True, "assistance": "wheelchair", "department": "home",
        "officer": "secretary", "call_supervisor": False,
    }  # fmt: skip
    assert one.applicant is not None
    assert one.applicant.name_latin == "Gurpreet Kaur"
    assert [companion.name for companion in one.companions] == ["Harjit Singh"]


def test_the_gate_can_match_the_ids_of_a_pass_and_reads_no_number_in_it(gate: Gate) -> None:
    issued = gate.issue(Companion(name="Harjit Singh", id_type="driving_licence", id_last4="0917"))
    (one,) = gate.manifest().passes
    key = base64.urlsafe_b64decode(one.commitment_key + "=")
    assert set(one.id_commitments) == {
        commit(key, "voter_id", "4821"),
        commit(key, "driving_licence", "0917"),
    }
    shown = one.model_dump_json(exclude={"id_commitments", "commitment_key"})
    assert all(secret not in shown for secret in ("4821", "0917", "9876543210"))
    assert gate.issue().pass_number != issued.pass_number
    assert len({one.commitment_key for one in gate.manifest().passes}) == 2


def test_the_passes_are_those_of_today_at_this_site_and_of_whoever_is_inside(gate: Gate) -> None:
    today = gate.issue()
    for days in (-1, 1):
        later = days * DAY
        gate.issue(valid_from=VALID_FROM + later, valid_to=VALID_TO + later)
    gate.issue(site="PCS2")
    second = gate.issue(
        valid_from=VALID_FROM - 2 * DAY,
        valid_to=VALID_TO - 2 * DAY,
        further_days=(date(2026, 12, 3),),  # two days after the slot
    )
    closed = gate.issue(
        valid_from=VALID_FROM - DAY, valid_to=VALID_TO - DAY, closed_days=(date(2026, 12, 2),)
    )
    stays = gate.issue(valid_from=VALID_FROM - DAY, valid_to=VALID_TO - DAY)
    gate.enter(stays, at=NOON - DAY)
    listed = {second.pass_number, closed.pass_number, stays.pass_number, today.pass_number}
    assert set(numbers(gate)) == listed


def test_a_day_is_a_day_in_india(gate: Gate) -> None:
    midnight = NOON.astimezone(IST).replace(hour=0, minute=0)
    last = gate.issue(valid_from=midnight - timedelta(hours=2), valid_to=midnight + timedelta(seconds=1))
    gate.issue(valid_from=midnight - timedelta(hours=2), valid_to=midnight)
    first = gate.issue(valid_from=midnight + DAY - timedelta(seconds=1), valid_to=midnight + DAY)
    gate.issue(valid_from=midnight + DAY, valid_to=midnight + DAY + timedelta(hours=2))
    assert set(numbers(gate)) == {last.pass_number, first.pass_number}


def test_a_revoked_pass_is_listed_as_revoked(gate: Gate) -> None:
    issued = gate.issue()
    gate.handle(pass_revoked(issued))
    (one,) = gate.manifest().passes
    assert one.revoked


def test_a_gate_holds_the_people_of_passes_that_it_may_let_in_or_out(gate: Gate) -> None:
    official = Official(organisation="PWD", designation="Engineer", employee_no="E-1")
    here = gate.issue(person=applicant(official=official))
    elsewhere, revoked, inside = gate.issue(gate="PCS1-G2"), gate.issue(), gate.issue()
    gate.enter(inside)
    gate.handle(pass_revoked(revoked), pass_revoked(inside))
    people = {one.pass_: one.applicant for one in gate.manifest().passes}
    assert people[elsewhere.pass_number] is None
    assert people[revoked.pass_number] is None
    assert people[inside.pass_number] is not None
    shown = people[here.pass_number]
    assert shown is not None
    assert (shown.name_latin, shown.official) == ("Gurpreet Kaur", None)


def test_erased_people_are_in_no_manifest(gate: Gate) -> None:
    issued = gate.issue()
    gate.handle(erased(issued))
    (one,) = gate.manifest().passes
    assert (one.applicant, one.companions, one.vehicle, one.id_commitments) == (None, (), None, ())


def test_a_pass_of_which_only_the_token_is_known_is_listed_without_people(gate: Gate) -> None:
    issued = pass_issued()
    gate.enter(token_of(issued))
    (one,) = gate.manifest().passes
    assert (one.pass_, one.reference, one.applicant, one.inside) == (issued.pass_number, None, None, 1)


def test_pages_have_no_gap_and_no_repeat(gate: Gate) -> None:
    listed = {gate.issue(valid_from=VALID_FROM + timedelta(minutes=n // 3)).pass_number for n in range(7)}
    seen, after = [], None
    for size in (3, 3, 1):
        page = gate.manifest(after=after, limit=3)
        assert len(page.passes) == size
        seen, after = [*seen, *(one.pass_ for one in page.passes)], page.next
    assert after is None
    assert set(seen) == listed
    assert len(seen) == 7
    with pytest.raises(InvalidInput):
        gate.manifest(after="x")


def test_it_has_the_keys_the_gates_and_the_age_of_what_it_says(gate: Gate) -> None:
    old, new = Issuer("k0"), Issuer("k2")
    gate.tell_keys(ISSUER, old, at=NOON - timedelta(minutes=2))
    gate.tell_keys(ISSUER, new, withdrawn=("k0",), at=NOON - timedelta(minutes=1))
    gate.handle(gates_of("PCS1", GATE, "PCS1-G2"), StatusListSigned(revoked_total=0))
    found = gate.manifest()
    assert [key.kid for key in found.keys] == ["k1", "k2"]
    assert found.keys[0] == ISSUER.public
    assert (found.withdrawn, found.gates, found.issuer) == (("k0",), (GATE, "PCS1-G2"), SETTINGS.issuer)
    assert (found.gate, found.site, found.made_at, found.complete_at) == (GATE, "PCS1", NOON, NOON)
    assert found.offline.model_dump() == {"green_s": 900, "amber_s": 14_400, "then": "refuse"}


@pytest.mark.parametrize(
    ("principal", "asked", "may"),
    [
        (officer(), GATE, True),
        (officer(gate=None), "PCS1-G2", True),
        (officer(), "PCS1-G2", False),
        (officer(site="PCS2", gate=None), GATE, False),
        (officer(role="ado"), GATE, False),
        (officer(role="department"), GATE, False),
        (officer(role="auditor"), GATE, False),
    ],
)
def test_only_security_of_a_gate_reads_its_manifest(gate: Gate, principal, asked: str, may: bool) -> None:
    gate.issue()
    if may:
        assert len(gate.manifest(principal, gate=asked).passes) == 1
        return
    with pytest.raises(Forbidden):
        gate.manifest(principal, gate=asked)


def test_a_gate_that_does_not_exist_has_no_manifest(gate: Gate) -> None:
    gate.handle(gates_of("PCS1", GATE))
    with pytest.raises(InvalidInput) as refused:
        gate.manifest(officer(gate=None), gate="PCS1-G9")
    assert refused.value.body.code == "unknown_gate"


def test_each_read_of_a_manifest_is_in_the_audit_log(gate: Gate) -> None:
    service = Service()
    service.db, service.settings = gate.database, SETTINGS
    for _ in range(3):
        gate.issue()
    service.manifest(question(limit=2), calling())
    with pytest.raises(Forbidden):
        service.manifest(question(gate="PCS1-G2"), calling())
    with gate.database.transaction() as session:
        recorded = session.execute(
            text("select actor, action, objects, result from audit_log order by position")
        )
        assert [tuple(row) for row in recorded] == [
            ("SEC-0001", "manifest", [GATE], "done"),
            ("SEC-0001", "manifest", [], "not_your_gate"),
        ]


def test_the_manifest_has_what_the_site_chose_and_whom_the_gate_telephones(gate: Gate) -> None:
    usual = gate.manifest()
    assert (usual.offline.green_s, usual.offline.amber_s, usual.offline.then) == (900, 14_400, "refuse")
    rules = GateRules(green=5, amber=60, then="supervisor", security_phone="0172-5550102")
    record = SiteRecord(code="PCS1", name={}, address={}, gates=(GATE,), hours=(), gate_rules=rules)
    gate.handle(DirectoryChanged(site=record), seq=2)
    chosen = gate.manifest()
    assert (chosen.offline.green_s, chosen.offline.amber_s, chosen.offline.then) == (300, 3_600, "supervisor")
    assert (chosen.telephones.reception, chosen.telephones.security) == ("", "0172-5550102")
    gate.handle(gates_of("PCS1", GATE), seq=3)
    assert gate.manifest().offline == usual.offline
