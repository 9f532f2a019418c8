"""Incidents that a gate's agreements leave: who sees them, who notes that, and when they go."""

from datetime import timedelta

import pytest

from contracts.errors import Forbidden
from contracts.events import GateRules
from contracts.rpc.call import Principal
from contracts.rpc.verify.incidents import IncidentId, IncidentQuestion
from contracts.rpc.verify.offline_scans import SyncScans, WrongPins
from services.verify.handlers import incidents, offline_scans, supervisors
from services.verify.metrics import GATE_EMPTIED
from services.verify.models import SupervisorRow
from tests.integration.verify.handlers.supervision.supervised import (
    ADO,
    HEAD,
    WRONG,
    Supervised,
    code,
    refusal,
)
from tests.support.factories.verify import (
    GATE,
    NOON,
    OTHER_ID,
    SETTINGS,
    calling,
    erased,
    gates_of,
    officer,
    offline_scan,
    pass_issued,
    scan_of,
)


def test_an_agreement_without_a_network_is_proven_when_it_is_sent(gate: Supervised) -> None:
    scan = offline_scan(gate.issue())
    decided = {"verdict": "admit", "list_age_s": 60}
    agreed = gate.agreement(scan).model_dump()
    (item,) = gate.sync(scan.model_dump(exclude_unset=True) | {"offline": decided | {"supervisor": agreed}})
    assert item.recorded
    assert "unproven" not in gate.scans()[0].marks
    assert [one.kind for one in gate.found()] == ["override"]


@pytest.mark.parametrize("proof", [None, "A" * 43])
def test_an_agreement_that_nobody_proves_is_a_fact_and_is_found(gate: Supervised, proof: str | None) -> None:
    agreed = {"login_id": "SEC-0009", "reason": "said so", "proof": proof}
    offline = {"verdict": "admit", "list_age_s": 60, "supervisor": agreed}
    scan = offline_scan(gate.issue(), offline=offline)
    (item,) = gate.sync(scan)
    assert item.recorded
    assert {"supervisor", "unproven"} <= set(gate.scans()[0].marks)
    assert [one.kind for one in gate.found()] == ["unproven"]


def test_a_conflict_and_a_refused_scan_are_incidents_once(gate: Supervised) -> None:
    issued = gate.issue()
    gate.enter(issued)
    late = offline_scan(issued, NOON + timedelta(minutes=1))
    old = offline_scan(issued, NOON - timedelta(days=40))
    for _ in range(2):
        gate.sync(late, old, at=NOON + timedelta(minutes=5))
    found = {one.kind: one for one in gate.found()}
    assert len(gate.found()) == 2
    assert (found["conflict"].detail, found["conflict"].exposure) == ("already_inside", 1)
    assert len(found["conflict"].scans) == 2
    assert found["refused"].detail == "too_old"


def test_the_words_of_a_supervisor_go_with_the_people(gate: Supervised) -> None:
    issued = gate.issue()
    scan = scan_of(issued)
    gate.scan(scan.model_copy(update={"supervisor": gate.agreement(scan)}))
    gate.handle(erased(issued))
    assert [one.reason for one in gate.found()] == [None]


def test_words_of_a_gate_that_come_after_the_people_are_erased_are_not_stored(gate: Supervised) -> None:
    issued = gate.issue()
    gate.handle(erased(issued))
    scan = offline_scan(issued, id_check=OTHER_ID)
    offline = {"verdict": "admit", "list_age_s": 60, "supervisor": gate.agreement(scan).model_dump()}
    (item,) = gate.sync(scan.model_dump(exclude_unset=True) | {"offline": offline})
    assert item.recorded
    gate.scan(scan_of(issued, direction="exit", id_check=OTHER_ID))
    assert [one.reason for one in gate.scans()] == [None, None]
    assert {one.reason for one in gate.found()} == {None}


def test_incidents_are_shown_to_operations_and_to_security_of_the_site_without_a_gate(
    gate: Supervised,
) -> None:
    gate.sync(offline_scan(gate.issue(), NOON - timedelta(days=40)))
    ops = Principal(kind="staff", id="OPS-0001", role="ops", login_id="OPS-0001")
    assert len(gate.found(ops)) == 1
    assert len(gate.found(officer(site="PCS2", gate=None, login_id="SEC-0005"))) == 0
    for stranger in (officer(), ADO):
        with pytest.raises(Forbidden):
            gate.found(stranger)
    with pytest.raises(Forbidden):
        gate.found(HEAD, site="PCS2")


def test_who_first_saw_an_incident_stays(gate: Supervised) -> None:
    gate.sync(offline_scan(gate.issue(), NOON - timedelta(days=40)))
    (found,) = gate.found(unseen=True)
    for login_id in ("SEC-0009", "SEC-0010"):
        with gate.database.transaction() as session:
            who = officer(gate=None, login_id=login_id)
            noted = incidents.note_seen(
                incidents.IncidentId(incident_id=found.id), calling(who), session, NOON
            )
    assert noted.seen_by == "SEC-0009"
    assert gate.found(unseen=True) == ()


def test_old_incidents_are_deleted(gate: Supervised) -> None:
    gate.sync(offline_scan(gate.issue(), NOON - timedelta(days=40)))
    for months, left in ((1, 1), (0, 0)):
        with gate.database.transaction() as session:
            incidents.delete_old(session, NOON + timedelta(days=31), months)
        assert len(gate.found()) == left


def test_nobody_notes_that_they_have_seen_what_they_took_part_in(gate: Supervised) -> None:
    scan = scan_of(gate.issue())
    gate.scan(scan.model_copy(update={"supervisor": gate.agreement(scan)}))
    (found,) = gate.found()
    for login_id in ("SEC-0009", "SEC-0001"):
        who, asked = calling(officer(gate=None, login_id=login_id)), IncidentId(incident_id=found.id)
        with gate.database.transaction() as session, pytest.raises(Forbidden) as refused:
            incidents.note_seen(asked, who, session, NOON)
        assert refused.value.body.code == "own_incident"
        with gate.database.transaction() as session:
            shown = incidents.list_incidents(IncidentQuestion(), who, session).items
        assert [one.is_own for one in shown] == [True]
    assert gate.found(unseen=True) == (found,)


def test_who_scanned_or_sent_what_an_incident_is_about_does_not_note_that_they_have_seen_it(
    gate: Supervised,
) -> None:
    issued, other = gate.issue(), officer(login_id="SEC-0002")
    gate.scan(scan_of(issued), other)
    offline = {"verdict": "admit", "list_age_s": 60, "login": "SEC-0003"}
    agreed = {"login_id": "SEC-0009", "reason": "said so", "proof": "A" * 43}
    gate.sync(
        offline_scan(issued, NOON + timedelta(minutes=1), offline=offline),
        offline_scan(gate.issue(), offline=offline | {"supervisor": agreed}),
        offline_scan(gate.issue(), NOON - timedelta(days=40), offline=offline),
        at=NOON + timedelta(minutes=2),
    )
    own = {
        "conflict": {"SEC-0001", "SEC-0002", "SEC-0003"},
        "unproven": {"SEC-0001", "SEC-0003", "SEC-0009"},
        "refused": {"SEC-0001", "SEC-0003"},
    }
    found = gate.found()
    assert {one.kind for one in found} == set(own)
    refused = {kind: set[str]() for kind in own}
    for one in found:
        for login_id in ("SEC-0001", "SEC-0002", "SEC-0003", "SEC-0009"):
            who = calling(officer(gate=None, login_id=login_id))
            (shown,) = [other for other in gate.found(who.principal) if other.id == one.id]
            assert shown.is_own is (login_id in own[one.kind]), "the page offers it to nobody who is refused"
            try:
                with gate.database.transaction() as session:
                    incidents.note_seen(IncidentId(incident_id=one.id), who, session, NOON)
            except Forbidden:
                refused[one.kind].add(login_id)
    assert refused == own


def test_another_card_without_a_network_after_one_that_did_not_match_is_found(gate: Supervised) -> None:
    issued = gate.issue_party(3)
    wrong = {"offline": {"verdict": "id_mismatch", "list_age_s": 60}, "id_check": WRONG.model_dump()}
    other = {"id_check": OTHER_ID.model_dump()}
    minute = timedelta(minutes=1)
    gate.sync(
        offline_scan(issued, NOON - 3 * minute, **other),
        offline_scan(issued, NOON - 2 * minute, **wrong),
        offline_scan(issued, NOON - minute, **other),
    )
    assert ["unproven" in one.marks for one in sorted(gate.scans(), key=lambda one: one.scanned_at)] == [
        False, False, True,
    ]  # fmt: skip
    assert [one.kind for one in gate.found()] == ["unproven"]


def test_a_late_scan_that_claims_an_earlier_time_is_found_and_clears_no_mismatch(gate: Supervised) -> None:
    issued = gate.issue_party(3)
    gate.scan(scan_of(issued, id_check=WRONG))
    gate.sync(offline_scan(issued, NOON - timedelta(minutes=1), id_check=OTHER_ID.model_dump()))
    (_, late) = sorted(gate.scans(), key=lambda one: "offline" in one.marks)
    assert "unproven" in late.marks
    assert [one.kind for one in gate.found()] == ["unproven"]
    assert gate.row(issued).mismatched_at == NOON
    assert refusal(gate, scan_of(issued, id_check=OTHER_ID, count=1)) == "supervisor_missing"


def test_a_late_entry_by_the_right_card_clears_the_mismatches_before_it_alone(gate: Supervised) -> None:
    issued, minute = gate.issue_party(3), timedelta(minutes=1)
    gate.scan(scan_of(issued, id_check=WRONG))
    for at, left in ((NOON - minute, NOON), (NOON + minute, None)):
        gate.sync(offline_scan(issued, at), at=NOON + 2 * minute)
        assert gate.row(issued).mismatched_at == left
    assert not any("unproven" in one.marks for one in gate.scans())


def test_an_entry_online_clears_a_mismatch_whatever_the_clock_of_its_gate_says(gate: Supervised) -> None:
    issued, minute = gate.issue_party(3), timedelta(minutes=1)
    gate.scan(scan_of(issued, id_check=WRONG))
    gate.scan(scan_of(issued, count=1, scanned_at=NOON - minute), at=NOON + minute)
    assert gate.row(issued).mismatched_at is None


def test_a_pass_that_replaces_another_one_of_its_application_keeps_the_mismatch(gate: Supervised) -> None:
    issued, minute = gate.issue(), timedelta(minutes=1)
    gate.scan(scan_of(issued, id_check=WRONG))
    replaced = {"application_id": issued.application_id, "reference": issued.reference}
    heard = gate.issue(**replaced)
    late = pass_issued(**replaced)
    gate.leave(late)  # known by its token alone, before its event
    gate.handle(late)
    for one in (heard, late):
        assert refusal(gate, scan_of(one, id_check=OTHER_ID), NOON + minute) == "supervisor_missing"
    assert gate.row(gate.issue()).mismatched_at is None, "of another application"


def test_a_proof_that_was_used_before_forgets_no_wrong_pins(gate: Supervised) -> None:
    scan = scan_of(gate.issue())
    agreed, wrong = gate.agreement(scan), gate.agreement(scan, pin="000000")
    assert gate.check(scan, agreed) is None
    gate.scan(scan.model_copy(update={"supervisor": agreed}))
    codes = []
    for _ in range(supervisors.FAILURES_AT_ONCE - 1):
        codes.append(code(gate.check(scan, wrong)))
        assert gate.check(scan, agreed) is None, "a repeat is answered"
    codes += [code(gate.check(scan, wrong)), code(gate.check(scan, wrong))]
    assert codes == ["wrong_pin"] * supervisors.FAILURES_AT_ONCE + ["pin_locked"]
    assert [one.kind for one in gate.found(kind="wrong_pin")] == ["wrong_pin"]
    later = NOON + supervisors.LOCKED_FOR
    assert gate.check(scan, agreed, later) is None
    fresh = scan_of(gate.issue())
    assert gate.check(fresh, gate.agreement(fresh), later) is None
    assert gate.check(fresh, gate.agreement(fresh, pin="000000"), later) is not None
    with gate.database.transaction() as session:
        assert session.get_one(SupervisorRow, "SEC-0009").failures == 1, "another proof has begun anew"


def test_the_proof_of_a_refused_entry_forgets_no_wrong_pins_when_it_is_sent_again(gate: Supervised) -> None:
    scan = scan_of(gate.issue(), gate="PCS1-G1", id_check=WRONG)
    agreed, wrong = gate.agreement(scan), gate.agreement(scan, pin="000000")
    assert gate.check(scan, agreed) is None
    assert gate.scan(scan.model_copy(update={"supervisor": agreed})).verdict == "id_mismatch"
    gate.check(scan, wrong)
    assert gate.check(scan, agreed) is None
    with gate.database.transaction() as session:
        assert session.get_one(SupervisorRow, "SEC-0009").failures == 1


@pytest.mark.parametrize(
    ("then", "age", "agrees", "is_found"),
    [
        ("refuse", 14_400, False, False),
        ("refuse", 14_401, False, True),
        ("refuse", 14_401, True, True),
        ("refuse", None, True, True),
        ("supervisor", 14_401, False, True),
        ("supervisor", 14_401, True, False),
        ("supervisor", None, True, True),
    ],
)
def test_an_entry_by_a_list_that_was_too_old_is_kept_and_found(
    gate: Supervised, then: str, age: int | None, agrees: bool, is_found: bool
) -> None:
    directory = gates_of("PCS1", "PCS1-G1")
    rules = GateRules(then=then)
    gate.handle(
        directory.model_copy(update={"site": directory.site.model_copy(update={"gate_rules": rules})})
    )
    scan = offline_scan(gate.issue())
    agreed = gate.agreement(scan).model_dump() if agrees else None
    offline = {"verdict": "admit", "list_age_s": age, "supervisor": agreed}
    (item,) = gate.sync(scan.model_dump(exclude_unset=True) | {"offline": offline})
    assert item.recorded
    assert ("unproven" in gate.scans()[0].marks) is is_found
    found = [(one.kind, one.detail) for one in gate.found() if one.kind == "unproven"]
    assert found == ([("unproven", "list_too_old")] if is_found else [])


def test_two_logins_that_send_one_proof_at_once_are_both_found(gate: Supervised) -> None:
    scan = scan_of(gate.issue_party(3), count=1)
    agreed = gate.agreement(scan)
    logins = ("SEC-0001", "SEC-0002")
    for login_id in logins:
        who = calling(officer(login_id=login_id))
        assert (
            supervisors.check(scan.model_copy(update={"supervisor": agreed}), who, gate.database, NOON)
            is None
        )
    for login_id in logins:
        gate.scan(scan.model_copy(update={"supervisor": agreed}), officer(login_id=login_id))
    assert sorted((one.kind, one.login) for one in gate.found()) == [
        ("override", "SEC-0001"), ("unproven", "SEC-0002"),
    ]  # fmt: skip


def test_an_app_that_wrong_pins_have_emptied_is_an_incident_of_its_guard_once_and_is_counted(
    gate: Supervised,
) -> None:
    def emptied() -> float:
        return GATE_EMPTIED.labels("PCS1")._value.get()

    before, at = emptied(), NOON - timedelta(hours=1)
    for minutes in (0, 0, 5):
        wrong = WrongPins(login="SEC-0007", at=at + timedelta(minutes=minutes))
        request = SyncScans(gate=GATE, scans=(), wrong_pins=wrong)
        offline_scans.sync(request, calling(), gate.database, NOON, SETTINGS)
    found = gate.found(kind="wrong_pin")
    assert [(one.login, one.supervisor, one.detail) for one in found] == [("SEC-0007", None, "own_pin")] * 2
    assert emptied() - before == 2
