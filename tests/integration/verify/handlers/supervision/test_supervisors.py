"""Supervisors of gates: their PIN is checked, guessing it ends, and what nobody proves is found."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update

from contracts import supervisor_pin
from contracts.errors import Conflict, Forbidden
from contracts.rpc.call import Principal
from contracts.rpc.verify.scans import Supervisor
from contracts.rpc.verify.supervisors import NameSupervisor, SetPin, SupervisorId
from services.chassis.runtime.clock import now
from services.verify.consumers import Consumers
from services.verify.handlers import supervisor_rules, supervisors
from services.verify.metrics import SITES_UNGUARDED, SUPERVISORS_REFUSED
from services.verify.models import DisabledLoginRow, SupervisorRow, SupervisorRuleRow
from services.verify.service import Service
from tests.integration.verify.handlers.supervision.supervised import (
    ADO,
    HEAD,
    PIN,
    WRONG,
    Supervised,
    _decoded,
    code,
    refusal,
)
from tests.support.factories.verify import (
    GATE,
    NOON,
    OTHER_ID,
    Gate,
    calling,
    gate_advised,
    gates_of,
    officer,
    offline_exit,
    offline_scan,
    pass_issued,
    scan_of,
)
from tests.support.stack.databases import execute
from tests.support.stack.running import eventually


def test_an_agreement_with_the_pin_is_recorded_with_who_and_why(gate: Supervised) -> None:
    scan = scan_of(gate.issue())
    asked = scan.model_copy(update={"supervisor": gate.agreement(scan)})
    assert gate.check(scan, gate.agreement(scan)) is None
    assert gate.scan(asked).verdict == "admit"
    (recorded,) = gate.scans()
    assert (recorded.supervisor, recorded.reason) == ("SEC-0009", "known to me")
    assert "supervisor" in recorded.marks
    (found,) = gate.found()
    assert (found.kind, found.supervisor, found.pass_number) == ("override", "SEC-0009", recorded.pass_number)


def test_a_proof_counts_for_one_scan_and_of_a_supervisor_alone(gate: Supervised) -> None:
    issued = gate.issue()
    first, second = scan_of(issued), scan_of(issued)
    assert code(gate.check(second, gate.agreement(first))) == "wrong_pin"
    assert code(gate.check(first, gate.agreement(first, login_id="SEC-0008"))) == "no_supervisor"


def test_whoever_scans_agrees_to_nothing_and_is_not_asked_to(gate: Supervised) -> None:
    issued = gate.issue()
    gate.handle(gate_advised(issued))
    scan = scan_of(issued)
    refusal = supervisors.check(
        scan.model_copy(update={"supervisor": gate.agreement(scan)}), calling(HEAD), gate.database, NOON
    )
    assert code(refusal) == "own_scan"
    look = scan_of(issued, id_check=None)
    assert gate.scan(look).supervisors == ("SEC-0009",)
    asked = gate.scan(look, HEAD)
    assert (asked.supervisors, asked.supervisors_void) == ((), True)


@pytest.mark.parametrize("named", [None, "SEC-0009", "SEC-0001"])
@pytest.mark.parametrize("is_known", [True, False])
def test_an_agreement_to_ones_own_scan_without_a_network_is_found(
    gate: Supervised, named: str | None, is_known: bool
) -> None:
    """Whose scan it was is the word of whoever sends it."""
    shown = {} if is_known else {"token": None, "pass_number": pass_issued().pass_number}
    scan = offline_scan(gate.issue(), **shown)
    agreed = gate.agreement(scan).model_dump()
    offline = {"verdict": "admit", "list_age_s": 60, "supervisor": agreed, "login": named}
    (item,) = gate.sync(scan.model_dump(exclude_unset=True) | {"offline": offline}, principal=HEAD)
    assert (item.recorded, item.verdict) == (True, "admit")
    others = gate.found(officer(gate=None, login_id="SEC-0007"))
    assert [(one.kind, one.detail) for one in others if one.kind != "conflict"] == [("unproven", "own_scan")]


def test_guessing_a_pin_is_stopped_and_found(gate: Supervised) -> None:
    scan = scan_of(gate.issue())
    wrong = gate.agreement(scan, pin="000000")
    codes = [code(gate.check(scan, wrong)) for _ in range(supervisors.FAILURES_AT_ONCE + 1)]
    assert codes == ["wrong_pin"] * supervisors.FAILURES_AT_ONCE + ["pin_locked"]
    assert code(gate.check(scan, gate.agreement(scan))) == "pin_locked"
    assert [one.kind for one in gate.found()] == ["wrong_pin"]
    assert gate.check(scan, gate.agreement(scan), NOON + supervisors.LOCKED_FOR) is None


def test_a_pin_that_was_guessed_at_for_long_is_void(gate: Supervised) -> None:
    scan, at = scan_of(gate.issue()), NOON
    wrong, right = gate.agreement(scan, pin="000000"), gate.agreement(scan)
    for _ in range(supervisors.MOST_FAILURES):
        gate.check(scan, wrong, at)
        at += supervisors.LOCKED_FOR
    assert code(gate.check(scan, right, at)) == "no_supervisor"
    assert gate.manifest().supervisors == ()
    gate.choose(PIN)
    assert gate.check(scan, gate.agreement(scan), at) is None


def guess_until_void(gate: Supervised) -> None:
    scan, at = scan_of(gate.issue()), NOON
    wrong = gate.agreement(scan, pin="000000")
    for _ in range(supervisors.MOST_FAILURES):
        gate.check(scan, wrong, at)
        at += supervisors.LOCKED_FOR


def test_who_guesses_a_pin_until_it_is_void_turns_no_supervisor_off(gate: Supervised) -> None:
    advised, mismatched, late = gate.issue(), gate.issue(), gate.issue()
    gate.handle(gate_advised(advised), gate_advised(late))
    gate.scan(scan_of(mismatched, id_check=WRONG))
    guess_until_void(gate)
    assert refusal(gate, scan_of(advised)) == "supervisor_missing"
    assert refusal(gate, scan_of(mismatched, id_check=OTHER_ID)) == "supervisor_missing"
    gate.sync(offline_scan(late))
    assert "unproven" in next(one.marks for one in gate.scans() if one.pass_number == late.pass_number)
    manifest = gate.manifest()
    assert (manifest.supervisors, manifest.supervisor_demanded) == ((), True)


def test_where_each_pin_is_void_the_gate_is_told_before_anybody_is_refused(gate: Supervised) -> None:
    advised, plain = gate.issue(), gate.issue()
    gate.handle(gate_advised(advised))
    asked = gate.scan(scan_of(advised, id_check=None))
    assert (asked.supervisors, asked.supervisors_void) == (("SEC-0009",), False)
    guess_until_void(gate)
    asked = gate.scan(scan_of(advised, id_check=None))
    assert (asked.supervisors, asked.supervisors_void) == ((), True)
    assert not gate.scan(scan_of(plain, id_check=None)).supervisors_void
    assert gate.scan(scan_of(plain, id_check=WRONG)).supervisors_void
    gate.choose(PIN)
    assert not gate.scan(scan_of(advised, id_check=None)).supervisors_void


def test_a_void_pin_is_shown_as_none_until_its_owner_sets_another_one(gate: Supervised) -> None:
    guess_until_void(gate)
    for since in (None, NOON):
        with gate.database.transaction() as session:
            (listed,) = supervisors.list_all(calling(ADO), session, NOON).items
            own = supervisors.own_pin(calling(HEAD), session, NOON)
            assert listed.pin_set_at == own.pin_set_at == since
        gate.choose(PIN)


def test_a_proof_that_is_only_looked_at_takes_no_wrong_pin_back_however_often_it_is_sent(
    gate: Supervised,
) -> None:
    look = scan_of(gate.issue(), id_check=None)
    proof = gate.agreement(look, overrides=("wrong_gate",))
    codes = []
    for _ in range(supervisors.FAILURES_AT_ONCE):
        wrong = scan_of(gate.issue())
        refusal = gate.check(wrong, gate.agreement(wrong, pin="000000"))
        codes.append(refusal.body.code if refusal is not None else None)
        assert refusal is not None
        if len(codes) < supervisors.FAILURES_AT_ONCE:
            assert gate.check(look, proof) is None
    assert codes == ["wrong_pin"] * supervisors.FAILURES_AT_ONCE
    locked = gate.check(look, proof)
    assert locked is not None
    assert locked.body.code == "pin_locked"


@pytest.mark.parametrize("ended", [Supervised.end, Supervised.disable, Supervised.move, guess_until_void])
def test_a_site_that_demands_a_supervisor_still_does_when_nobody_can_agree(
    gate: Supervised, ended: Callable[[Supervised], None]
) -> None:
    issued, late = gate.issue(), gate.issue()
    gate.handle(gate_advised(issued), gate_advised(late))
    assert gate.problem() is None
    ended(gate)
    manifest = gate.manifest()
    assert (manifest.supervisors, manifest.supervisor_demanded) == ((), True)
    assert gate.scan(scan_of(issued, id_check=None)).supervisors_void
    assert refusal(gate, scan_of(issued)) == "supervisor_missing"
    gate.sync(offline_scan(late))
    assert [(one.kind, one.detail) for one in gate.found(kind="unproven")] == [
        ("unproven", "supervisor_missing")
    ]
    assert gate.problem() == "nobody_can_agree"


def lift(gate: Supervised, principal: Principal) -> None:
    gate.decide(demanded=False, principal=principal)


@pytest.mark.parametrize("act", [lift, Supervised.end, Supervised.move])
def test_only_the_ado_branch_decides_who_guards_a_site(
    gate: Supervised, act: Callable[[Supervised, Principal], None]
) -> None:
    before = gate.manifest()
    with pytest.raises(Forbidden):
        act(gate, HEAD)
    manifest = gate.manifest()
    assert (manifest.supervisors, manifest.supervisor_demanded) == (before.supervisors, True)


def test_a_rule_that_the_ado_branch_lifts_is_lifted_and_says_who_did(gate: Supervised) -> None:
    issued = gate.issue()
    gate.handle(gate_advised(issued))
    lifted = gate.decide(demanded=False)
    assert (lifted.demanded, lifted.decided_by, lifted.decided_at) == (False, "ADO-0001", NOON)
    assert not gate.manifest().supervisor_demanded
    assert gate.scan(scan_of(issued)).verdict == "admit"
    assert gate.problem() == "watched_not_demanded", "somebody can agree, and is not asked"
    gate.end()
    assert gate.problem() == "nobody_can_agree", "somebody is expected for whom the supervisor is called"


def test_a_site_without_any_supervisor_says_so_once_somebody_of_the_watchlist_is_expected(databases) -> None:
    gate = Gate(databases["verify"])
    gate.handle(gates_of("PCS1", GATE), gates_of("PCS2", "PCS2-G1"))
    last = gate.issue(valid_from=NOON - timedelta(days=2), valid_to=NOON - timedelta(days=1))
    gate.handle(gate_advised(last))
    assert _problems(gate, NOON) == {"PCS1": None, "PCS2": None}
    coming = gate.issue()
    gate.handle(gate_advised(coming))
    assert _problems(gate, NOON) == {"PCS1": "nobody_can_agree", "PCS2": None}
    assert _problems(gate, coming.valid_to) == {"PCS1": None, "PCS2": None}


def _problems(gate: Gate, at: datetime) -> dict[str, str | None]:
    with gate.database.transaction() as session:
        return {one.site: one.problem for one in supervisor_rules.list_sites(session, at)}


def test_a_site_with_a_supervisor_about_which_nobody_has_decided_says_so(databases) -> None:
    gate = Gate(databases["verify"])
    with gate.database.transaction() as session:
        supervisors.name(NameSupervisor(login_id="SEC-0009", site="PCS1"), calling(ADO), session, NOON)
    assert _problems(gate, NOON)["PCS1"] is None
    supervisors.set_pin(SetPin(pin=PIN), calling(HEAD), gate.database, NOON)
    assert _problems(gate, NOON)["PCS1"] == "nobody_decided"


def test_where_nobody_can_agree_is_shown_as_a_metric_until_the_site_is_gone(gate: Supervised) -> None:
    jobs = Consumers()
    jobs.db = gate.database
    shown = []
    for change in (gate.end, lambda: gate.decide(demanded=False)):
        change()
        jobs.find_sites_without_a_supervisor()
        shown.append(SITES_UNGUARDED.labels("PCS1", "nobody_can_agree")._value.get())
    assert shown == [1, 0]
    execute(gate.database, update(SupervisorRuleRow).values(site="PCS9"))
    jobs.find_sites_without_a_supervisor()
    assert "PCS1" not in {
        sample.labels["site"] for one in SITES_UNGUARDED.collect() for sample in one.samples
    }


def test_a_disabled_login_is_no_supervisor_any_more_and_never_again(gate: Supervised) -> None:
    for login_id in ("SEC-0009", "SEC-0009", "PWD-0009"):
        gate.disable(login_id)
    assert gate.manifest().supervisors == ()
    with gate.database.transaction() as session, pytest.raises(Conflict) as refused:
        supervisors.name(NameSupervisor(login_id="SEC-0009", site="PCS1"), calling(ADO), session, NOON)
    assert refused.value.body.code == "login_disabled"
    with gate.database.transaction() as session:
        assert [one.login_id for one in session.scalars(select(DisabledLoginRow))] == ["SEC-0009"]


def test_a_login_that_is_disabled_while_it_is_being_named_is_no_supervisor(gate: Supervised) -> None:
    gate.end()
    waits = "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    with ThreadPoolExecutor(1) as pool:
        with gate.database.transaction() as session:
            asked = NameSupervisor(login_id="SEC-0009", site="PCS1")
            supervisors.name(asked, calling(ADO), session, NOON)
            disabled = pool.submit(gate.disable)
            with gate.database.queries() as looking:
                eventually(
                    lambda: disabled.done() or looking.execute(text(f"select exists ({waits})")).scalar(),
                    "the end of the login waits for the naming",
                )
        disabled.result()
    with gate.database.transaction() as session:
        assert supervisors.list_all(calling(ADO), session, NOON).items == ()


def test_only_the_ado_branch_names_supervisors_and_only_they_have_a_pin(gate: Supervised) -> None:
    with gate.database.transaction() as session:
        with pytest.raises(Forbidden):
            supervisors.name(NameSupervisor(login_id="SEC-0001", site="PCS1"), calling(HEAD), session, NOON)
        with pytest.raises(Forbidden):
            supervisors.end(SupervisorId(login_id="SEC-0009"), calling(HEAD), session)
    with pytest.raises(Forbidden) as refused:
        gate.choose(PIN, officer(gate=None))
    assert refused.value.body.code == "no_supervisor"


def test_who_moves_to_another_site_chooses_another_pin(gate: Supervised) -> None:
    with gate.database.transaction() as session:
        supervisors.name(NameSupervisor(login_id="SEC-0009", site="PCS2"), calling(ADO), session, NOON)
        row = session.get_one(SupervisorRow, "SEC-0009")
        assert (row.site, row.verifier) == ("PCS2", None)


def test_the_supervisor_of_another_site_agrees_to_nothing_here(gate: Supervised) -> None:
    scan, late = scan_of(gate.issue()), offline_scan(gate.issue())
    agreed, given = gate.agreement(scan), gate.agreement(late).model_dump()
    with gate.database.transaction() as session:
        session.get_one(SupervisorRow, "SEC-0009").site = "PCS2"
    assert code(gate.check(scan, agreed)) == "no_supervisor"
    offline = {"verdict": "admit", "list_age_s": 60, "supervisor": given}
    gate.sync(late.model_dump(exclude_unset=True) | {"offline": offline})
    assert "unproven" in gate.scans()[0].marks


def test_the_pin_is_stored_sealed_and_nowhere_as_it_is(gate: Supervised) -> None:
    with gate.database.transaction() as session:
        row = session.get_one(SupervisorRow, "SEC-0009")
        key = supervisor_pin.derive(PIN, _decoded(row.salt or ""))
        assert supervisor_pin.verifier(key) == row.verifier
    stored = str(gate.everything())
    assert PIN not in stored
    assert supervisor_pin.encode(key) not in stored


def test_a_proof_counts_for_one_login_although_another_one_sends_the_same_nonce(gate: Supervised) -> None:
    issued = gate.issue_party(3)
    scan = scan_of(issued, count=1)
    agreed = gate.agreement(scan)
    assert gate.check(scan, agreed) is None
    gate.scan(scan.model_copy(update={"supervisor": agreed}))
    assert gate.check(scan, agreed) is None, "a repeat of it"
    other = scan.model_copy(update={"supervisor": agreed})
    refusal = supervisors.check(other, calling(officer(login_id="SEC-0002")), gate.database, NOON)
    assert code(refusal) == "wrong_pin"


def test_a_proof_that_is_sent_late_under_many_names_counts_once(gate: Supervised) -> None:
    scan = offline_scan(gate.issue_party(5))
    agreed = gate.agreement(scan).model_dump()
    sent = [
        scan.model_dump(exclude_unset=True)
        | {"offline": {"verdict": "admit", "list_age_s": 60, "supervisor": agreed, "login": login}}
        for login in ("SEC-0001", "SEC-0002", "SEC-0003")
    ]
    gate.sync(*sent)
    assert ["unproven" in one.marks for one in sorted(gate.scans(), key=lambda one: one.scanned_by)] == [
        False, True, True,
    ]  # fmt: skip
    assert sorted(one.kind for one in gate.found()) == ["override", "unproven", "unproven"]


def test_pins_that_are_typed_at_once_are_counted_before_any_is_checked(
    gate: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = scan_of(gate.issue())
    wrong = Supervisor(login_id="SEC-0009", reason="guess", pin="000000")
    codes: list[str | None] = []
    derive = supervisors.offload

    def meanwhile(*arguments: Any) -> Any:
        if len(codes) < 9:
            codes.append(None)
            codes[codes.index(None)] = code(gate.check(scan, wrong))
        return derive(*arguments)

    monkeypatch.setattr(supervisors, "offload", meanwhile)
    codes.append(code(gate.check(scan, wrong)))
    asked = [code for code in codes if code != "pin_locked"]
    assert len(asked) <= supervisors.FAILURES_AT_ONCE
    assert "pin_locked" in codes


def test_the_right_pin_counts_as_the_last_try_before_the_lock(gate: Supervised) -> None:
    scan = scan_of(gate.issue())
    agreed = Supervisor(login_id="SEC-0009", reason="known", pin=PIN)
    for _ in range(supervisors.FAILURES_AT_ONCE - 1):
        gate.check(scan, agreed.model_copy(update={"pin": "000000"}))
    assert gate.check(scan, agreed) is None
    assert gate.check(scan, agreed) is None
    assert gate.found() == ()


def test_whoever_is_no_supervisor_makes_nobody_derive_a_key(
    gate: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    def derived(*_: Any) -> Any:
        raise AssertionError("a key was derived")

    monkeypatch.setattr(supervisors, "offload", derived)
    with pytest.raises(Forbidden):
        gate.choose(PIN, officer(gate=None))
    unknown = Supervisor(login_id="SEC-0008", reason="guess", pin=PIN)
    assert code(gate.check(scan_of(gate.issue()), unknown)) == "no_supervisor"


def test_a_supervisor_agrees_to_entries_alone(gate: Supervised) -> None:
    scan = offline_exit(gate.issue(), offline={"verdict": "exit", "list_age_s": 60})
    agreed = gate.agreement(scan).model_dump()
    offline = {"verdict": "exit", "list_age_s": 60, "supervisor": agreed}
    gate.sync(scan.model_dump(exclude_unset=True) | {"offline": offline})
    assert "supervisor" not in gate.scans()[0].marks
    assert gate.found() == ()


def valid_now() -> dict[str, Any]:
    return {"valid_from": now() - timedelta(hours=1), "valid_to": now() + timedelta(hours=1)}


def test_an_exit_is_not_refused_because_of_a_supervisor(gate: Supervised, service: Service) -> None:
    issued = gate.issue(**valid_now())
    service.scan(scan_of(issued), calling())
    wrong = Supervisor(login_id="SEC-0009", reason="known", proof="A" * 43)
    leaving = scan_of(issued, direction="exit", id_check=None, supervisor=wrong)
    assert service.scan(leaving, calling())["verdict"] == "exit"


def test_an_entry_without_the_supervisor_is_counted(gate: Supervised, service: Service) -> None:
    issued = gate.issue(**valid_now())
    gate.handle(gate_advised(issued))
    before = missing()
    with pytest.raises(Forbidden):
        service.scan(scan_of(issued), calling())
    assert missing() == before + 1


def missing() -> float:
    return SUPERVISORS_REFUSED.labels("missing")._value.get()
