"""A supervisor sets a refusal aside: with their PIN, on the record, and never what no one may."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.errors import Forbidden
from contracts.events import PassIssued
from contracts.rpc.verify.scans import Matched, ScanPass, ScanResult, Supervisor
from services.chassis.runtime.clock import now
from services.verify.domain.verdicts import OVERRIDABLE
from services.verify.service import Service
from tests.integration.verify.handlers.supervision.supervised import PIN, Supervised
from tests.support.factories.verify import (
    MATCHED,
    NOON,
    VALID_FROM,
    VALID_TO,
    calling,
    officer,
    offline_exit,
    offline_scan,
    pass_revoked,
    scan_of,
)

WRONG = Matched(kind="matched", id_type="voter_id", id_last4="9999")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def agreed_to(gate: Supervised, scan: ScanPass, *overrides: Any, **changes: Any) -> ScanPass:
    """Return an entry with what a supervisor has set aside by their PIN."""
    return scan.model_copy(update={"supervisor": gate.agreement(scan, overrides=tuple(overrides), **changes)})


@pytest.mark.parametrize(
    ("changes", "at", "reason"),
    [
        ({}, VALID_FROM - HOUR, "not_yet_valid"),
        ({}, VALID_TO + HOUR, "expired"),
        ({"gate": "PCS1-G2"}, NOON, "wrong_gate"),
    ],
)
def test_a_refusal_that_a_supervisor_sets_aside_is_an_entry_on_the_record(
    gate: Supervised, changes: dict[str, Any], at: Any, reason: str
) -> None:
    issued = gate.issue(**changes)
    refused = gate.scan(scan_of(issued, id_check=None), at=at)
    assert (refused.verdict, refused.overridable) == (reason, (reason,))
    assert (refused.supervisors, refused.applicant) == (("SEC-0009",), None)
    looked = gate.scan(agreed_to(gate, scan_of(issued, id_check=None), reason), at=at)
    assert (looked.verdict, looked.preview, looked.applicant is None) == ("admit", True, False)
    came = gate.scan(agreed_to(gate, scan_of(issued), reason), at=at)
    assert (came.verdict, came.inside, came.marks) == ("admit", 1, (f"despite_{reason}",))
    (recorded,) = gate.scans()
    assert (recorded.supervisor, recorded.reason) == ("SEC-0009", "known to me")
    assert {f"despite_{reason}", "supervisor"} <= set(recorded.marks)
    (found,) = gate.found()
    assert (found.kind, found.detail, found.pass_number) == ("override", reason, issued.pass_number)
    assert gate.published()[-1]["marks"] == [], "what it was is no matter of the visit"
    (party,) = gate.inside().items
    assert party.inside == 1
    assert party.valid_to > at, "they are no overdue visitors"
    assert gate.close(at + HOUR) == 0
    assert gate.close(at + DAY) == 1


def test_of_a_party_of_which_one_was_let_in_late_nobody_is_overdue(gate: Supervised) -> None:
    issued, late = gate.issue_party(2), VALID_TO + HOUR
    gate.enter(issued, count=1)
    assert [one.valid_to for one in gate.inside().items] == [VALID_TO]
    assert gate.scan(agreed_to(gate, scan_of(issued), "expired"), at=late).inside == 2
    (party,) = gate.inside().items
    assert (party.since, party.valid_to > late) == (NOON, True)


def test_who_is_inside_or_has_left_comes_in_again_by_a_supervisor(gate: Supervised) -> None:
    issued = gate.issue()
    gate.enter(issued)
    both = ("already_inside", "already_used")
    assert gate.scan(scan_of(issued, id_check=None)).overridable == both
    assert gate.scan(agreed_to(gate, scan_of(issued), "already_inside")).verdict == "already_used"
    assert gate.scan(agreed_to(gate, scan_of(issued), *both)).inside == 2, "they count beside the others"
    assert gate.leave(issued).inside == 0
    assert gate.scan(agreed_to(gate, scan_of(issued), "already_used")).inside == 1


def test_nobody_sets_aside_a_withdrawal_another_site_another_day_or_a_card(gate: Supervised) -> None:
    may, never = sorted(OVERRIDABLE), ("revoked", "wrong_site", "unknown_pass", "id_mismatch")
    every = (tuple(may), (*may[:2], *never))
    revoked, other_day = gate.issue(), gate.issue(valid_from=VALID_FROM - DAY, valid_to=VALID_TO - DAY)
    gate.handle(pass_revoked(revoked), seq=2)
    for overrides in every:
        for issued, verdict in ((revoked, "revoked"), (other_day, "expired")):
            result = gate.scan(agreed_to(gate, scan_of(issued), *overrides))
            assert (result.verdict, result.overridable) == (verdict, ())
        elsewhere = agreed_to(gate, scan_of(gate.issue(), gate="PCS2-G1"), *overrides)
        assert gate.scan(elsewhere, officer("PCS2", None)).verdict == "wrong_site"
        wrong = agreed_to(gate, scan_of(gate.issue(gate="PCS1-G2"), id_check=WRONG), "wrong_gate")
        assert gate.scan(wrong).verdict == "id_mismatch"
    assert gate.found() == ()
    assert gate.inside().persons == 0


def test_the_server_demands_the_pin_for_what_is_set_aside(gate: Supervised, service: Service) -> None:
    over = {"valid_from": now() - 2 * HOUR, "valid_to": now() + HOUR, "gate": "PCS1-G2"}
    scan = scan_of(gate.issue(**over))
    proven = gate.agreement(scan, overrides=("wrong_gate",))
    for agreed in (
        gate.agreement(scan, pin="000000", overrides=("wrong_gate",)),
        gate.agreement(scan).model_copy(update={"overrides": ("wrong_gate",)}),
        proven.model_copy(update={"overrides": ("wrong_gate", "already_used")}),
        Supervisor(login_id="SEC-0009", reason="known", pin="000000", overrides=("wrong_gate",)),
    ):
        with pytest.raises(Forbidden) as refused:
            _sent(service, scan, agreed)
        assert refused.value.body.code == "wrong_pin"
    assert _sent(service, scan, None).verdict == "wrong_gate"
    again = scan_of(gate.issue(**over))
    assert _sent(service, again, gate.agreement(again, overrides=("wrong_gate",))).verdict == "admit"
    typed = scan_of(gate.issue(**over))
    by_page = Supervisor(login_id="SEC-0009", reason="known", pin=PIN, overrides=("wrong_gate",))
    assert _sent(service, typed, by_page).verdict == "admit"


def _sent(service: Service, scan: ScanPass, agreed: Supervisor | None) -> ScanResult:
    asked = scan if agreed is None else scan.model_copy(update={"supervisor": agreed})
    return ScanResult.model_validate(service.scan(asked, calling()))


@pytest.mark.parametrize("is_proven", [True, False])
def test_what_a_supervisor_sets_aside_without_a_network_is_proven_when_it_is_sent(
    gate: Supervised, is_proven: bool
) -> None:
    issued = gate.issue(gate="PCS1-G2")
    scan = offline_scan(issued, VALID_TO + HOUR)
    reasons = ("expired", "wrong_gate")
    agreed = gate.agreement(scan, pin=PIN if is_proven else "000000", overrides=reasons).model_dump()
    offline = {"verdict": "admit", "list_age_s": 60, "supervisor": agreed}
    (item,) = gate.sync(scan.model_dump(exclude_unset=True) | {"offline": offline}, at=VALID_TO + 2 * HOUR)
    assert (item.recorded, item.conflict) == (True, not is_proven)
    assert {"despite_expired", "despite_wrong_gate"} <= set(gate.scans()[0].marks)
    assert gate.inside().persons == 1, "they went in"
    kinds = sorted(one.kind for one in gate.found())
    assert kinds == (["override"] if is_proven else ["conflict", "unproven"])
    assert {one.detail for one in gate.found() if one.kind != "conflict"} == {"expired wrong_gate"}


def test_another_reason_that_a_gate_did_not_know_is_found_when_its_entry_is_sent(gate: Supervised) -> None:
    issued = gate.issue(gate="PCS1-G2")
    other = scan_of(issued, gate="PCS1-G2", id_check=MATCHED)
    assert gate.scan(other, officer("PCS1", None)).verdict == "admit"
    scan = offline_scan(issued, NOON + HOUR / 2)
    agreed = gate.agreement(scan, overrides=("wrong_gate",)).model_dump()
    offline = {"verdict": "admit", "list_age_s": 60, "supervisor": agreed}
    (item,) = gate.sync(scan.model_dump(exclude_unset=True) | {"offline": offline}, at=NOON + 2 * HOUR)
    assert item.conflict
    assert [one["kind"] for one in gate.conflicts()] == ["already_inside"]


def _without_its_first_day(issued: PassIssued) -> PassIssued:
    """Return the event by which the day of NOON falls away from a pass, and the next one is its first."""
    days = {"slot": issued.slot.model_copy(update={"day": issued.slot.day + DAY}), "further_days": ()}
    window = {"valid_from": issued.valid_from + DAY, "valid_to": issued.valid_to + DAY}
    closed = {"closed_days": (issued.slot.day,), "is_update": True}
    return issued.model_copy(update=days | window | closed)


@pytest.mark.parametrize("came_before_it_was_closed", [False, True])
def test_who_came_in_on_a_first_day_that_was_closed_stays_inside_when_a_late_exit_of_another_arrives(
    gate: Supervised, came_before_it_was_closed: bool
) -> None:
    issued = gate.issue_party(3, further_days=(VALID_FROM.date() + DAY,))
    if came_before_it_was_closed:
        assert gate.enter(issued).inside == 3
    gate.handle(_without_its_first_day(issued), seq=2)
    if not came_before_it_was_closed:
        assert gate.scan(agreed_to(gate, scan_of(issued), "day_closed")).inside == 3
    (item,) = gate.sync(offline_exit(issued, NOON + HOUR), at=NOON + 2 * HOUR)
    assert item.verdict == "exit"
    assert "no_entry" not in gate.scans()[-1].marks
    assert (gate.inside().persons, gate.conflicts()) == (2, [])
    row = gate.row(issued)
    assert (row.inside_since, row.inside_site) == (NOON, "PCS1")


def test_who_is_inside_stays_so_when_a_late_exit_arrives_although_their_pass_has_only_later_days_now(
    gate: Supervised,
) -> None:
    """As if it was not said which day was closed."""
    issued = gate.issue_party(3, further_days=(VALID_FROM.date() + DAY,))
    gate.enter(issued)
    gate.handle(_without_its_first_day(issued).model_copy(update={"closed_days": ()}), seq=2)
    gate.sync(offline_exit(issued, NOON + HOUR), at=NOON + 2 * HOUR)
    assert gate.inside().persons == 2


@pytest.mark.parametrize("is_sent_late", [False, True])
def test_an_entry_by_a_supervisor_on_a_closed_day_takes_none_of_the_next_day(
    gate: Supervised, is_sent_late: bool
) -> None:
    issued = gate.issue_party(2, further_days=(VALID_FROM.date() + DAY,))
    gate.handle(_without_its_first_day(issued), seq=2)
    gate.scan(agreed_to(gate, scan_of(issued), "day_closed"))
    if is_sent_late:
        gate.sync(offline_exit(issued, NOON + HOUR, count=2), at=NOON + 2 * HOUR)
    else:
        gate.leave(issued, at=NOON + HOUR)
    assert gate.enter(issued, at=NOON + DAY).verdict == "admit"
    gate.leave(issued, at=NOON + DAY)
    assert gate.enter(issued, at=NOON + DAY).verdict == "already_used"


def test_a_later_scan_makes_no_conflict_of_what_a_supervisor_has_set_aside(gate: Supervised) -> None:
    issued = gate.issue(gate="PCS1-G2")
    gate.scan(agreed_to(gate, scan_of(issued), "wrong_gate"))
    gate.sync(offline_exit(issued, NOON + HOUR), at=NOON + 2 * HOUR)
    assert gate.conflicts() == []
    assert gate.inside().persons == 0
