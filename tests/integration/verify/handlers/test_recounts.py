"""Entries that are counted again, because the answer to a scan was lost."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from contracts.events import Revocation
from tests.integration.verify.handlers.synced import (
    ANYWHERE,
    DAY,
    LATER,
    MINUTE,
    OTHER_GATE,
    SECOND,
    found,
    is_balanced,
    outcomes,
    sync_at_other,
)
from tests.support.factories.verify import (
    NOON,
    Gate,
    officer,
    offline_exit,
    offline_scan,
    pass_issued,
    pass_revoked,
    scan_of,
    status_list,
)
from tests.support.stack.databases import execute, owner_of


def test_an_entry_whose_answer_was_lost_counts_those_whom_the_gate_let_in(gate: Gate) -> None:
    """Online three were recorded; the gate, which had heard of one more inside, let in two."""
    issued = gate.issue_party(3)
    online = scan_of(issued)
    gate.scan(online)
    scan = offline_scan(issued, nonce=online.nonce, count=2)
    for _ in range(2):
        assert outcomes(gate.sync(scan)) == [("admit", False, None)]
    assert found(gate) == [("recounted", "fewer_came")]
    third = gate.sync(offline_scan(issued, nonce=online.nonce, count=1))
    assert outcomes(third) == [(None, False, "nonce_reused")]
    row = gate.row(issued)
    assert (row.inside, row.admitted, gate.conflicts()) == (2, 2, [])
    assert [one.count for one in gate.scans()] == [3, -1], "a record stays as it is"
    assert [(one["count"], one["inside"]) for one in gate.published()] == [(3, 3), (2, 2)]
    gate.sync(offline_scan(issued, NOON + MINUTE, count=1))
    gate.leave(issued, at=NOON + 2 * MINUTE, count=3)
    row = gate.row(issued)
    assert (row.inside, row.admitted, gate.conflicts()) == (0, 3, [])


def test_more_than_were_recorded_before_the_answer_was_lost_are_a_conflict(gate: Gate) -> None:
    issued = gate.issue_party(2)
    gate.enter(issued, at=NOON - MINUTE, count=1)
    online = scan_of(issued, gate=OTHER_GATE, count=1)
    gate.scan(online, SECOND)
    scan = offline_scan(issued, gate=OTHER_GATE, nonce=online.nonce, count=2)
    for _ in range(2):
        assert outcomes(sync_at_other(gate, scan)) == [("admit", True, None)]
    assert (gate.row(issued).inside, [one["exposure"] for one in gate.conflicts()]) == (3, [1])


@pytest.mark.parametrize(
    ("sender", "changes"),
    [
        (officer(login_id="SEC-0005"), {}),
        (officer(login_id="SEC-0009", gate=None), {}),
        (ANYWHERE, {"gate": OTHER_GATE}),
        (officer(), {"scanned_at": NOON + 30 * MINUTE}),
    ],
    ids=["another guard", "a supervisor", "another gate", "another time"],
)
def test_only_who_recorded_an_entry_counts_it_again_at_its_gate_and_time(
    gate: Gate, sender: Any, changes: dict[str, Any]
) -> None:
    issued = gate.issue_party(3)
    online = scan_of(issued)
    gate.scan(online)
    named = {"verdict": "admit", "list_age_s": 60, "login": "SEC-0001"}
    scan = offline_scan(issued, nonce=online.nonce, count=1, offline=named, **changes)
    assert outcomes(gate.sync(scan, principal=sender, gate=scan.gate, at=LATER)) == [
        (None, False, "nonce_reused")
    ]
    assert (gate.row(issued).inside, gate.row(issued).admitted, len(gate.scans())) == (3, 3, 1)
    assert found(gate) == [("refused", "nonce_reused")]


def test_whoever_came_in_beyond_the_first_count_is_held_against_the_rules(gate: Gate) -> None:
    stranger = {"kind": "matched", "id_type": "voter_id", "id_last4": "9999"}
    for changes in ({"id_check": stranger}, {"offline": {"verdict": "admit", "list_age_s": None}}):
        issued = gate.issue_party(2)
        online = scan_of(issued, count=1)
        gate.scan(online)
        gate.sync(offline_scan(issued, nonce=online.nonce, count=2, **changes))
        assert gate.row(issued).inside == 2
    assert [(one["kind"], one["exposure"]) for one in gate.conflicts()] == [("id_mismatch", 1)]
    assert found(gate) == [
        ("conflict", "id_mismatch"), *[("recounted", "more_came")] * 2, ("unproven", "list_too_old"),
    ]  # fmt: skip


@pytest.mark.parametrize("by_list", [False, True])
def test_a_recount_that_a_slower_clock_has_recorded_stops_no_scan_and_no_revocation(
    gate: Gate, by_list: bool
) -> None:
    issued, revoked_at = gate.issue_party(3), NOON + 5 * MINUTE
    online = scan_of(issued)
    gate.scan(online)
    gate.sync(offline_scan(issued, nonce=online.nonce, count=2), at=NOON - timedelta(seconds=5))
    assert outcomes(gate.sync(offline_scan(issued, NOON + MINUTE))) == [("admit", False, None)]
    assert gate.row(issued).inside == 3
    told = Revocation(pass_number=issued.pass_number, reason="withdrawn", revoked_at=revoked_at)
    signed = status_list(repeated=(told,))
    gate.handle(signed if by_list else pass_revoked(issued), at=LATER, now=LATER)
    gate.sync(offline_exit(issued, NOON + 2 * MINUTE, count=2), at=LATER)
    assert (gate.row(issued).inside, gate.enter(issued, at=LATER).verdict) == (1, "revoked")
    with gate.database.transaction() as session:
        complete_at = session.scalar(text("select complete_at from status_list"))
    assert complete_at == (LATER if by_list else None)


def test_a_recount_whose_first_scan_is_no_longer_kept_stops_no_revocation(gate: Gate) -> None:
    issued = gate.issue_party(3)
    online = scan_of(issued)
    gate.scan(online)
    gate.sync(offline_scan(issued, nonce=online.nonce, count=2))
    execute(owner_of(gate.database), "delete from scans where count = 3")
    gate.handle(pass_revoked(issued), at=LATER)
    assert (gate.row(issued).inside, gate.enter(issued, at=LATER).verdict) == (2, "revoked")


@pytest.mark.parametrize("counted", [1, 3])
def test_an_entry_that_is_counted_again_after_its_party_was_presumed_gone_balances(
    gate: Gate, counted: int
) -> None:
    issued = gate.issue_party(3)
    online = scan_of(issued, count=2)
    gate.scan(online)
    assert gate.close(NOON + DAY) == 1
    gate.sync(offline_scan(issued, nonce=online.nonce, count=counted), at=NOON + DAY)
    assert (gate.row(issued).inside, gate.row(issued).admitted) == (0, counted)
    assert is_balanced(gate)


def test_an_entry_of_which_fewer_came_in_than_left_balances(gate: Gate) -> None:
    issued = gate.issue_party(3)
    online = scan_of(issued)
    gate.scan(online)
    gate.leave(issued, at=NOON + MINUTE, count=3)
    gate.sync(offline_scan(issued, nonce=online.nonce, count=2), at=LATER)
    assert (gate.row(issued).inside, gate.row(issued).admitted) == (0, 2)
    assert [one.marks for one in gate.scans() if one.count < 0] == [["no_entry", "offline", "recounted"]]
    assert is_balanced(gate)


def test_who_stayed_over_night_by_a_recount_is_let_out_before_the_next_entry(gate: Gate) -> None:
    issued = gate.issue_party(3, further_days=(pass_issued().slot.day + DAY,))
    online = scan_of(issued, count=2)
    gate.scan(online)
    gate.leave(issued, at=NOON + MINUTE, count=2)
    gate.enter(issued, at=NOON + DAY, count=1)
    gate.sync(offline_scan(issued, nonce=online.nonce, count=3), at=NOON + DAY + MINUTE)
    (assumed,) = [scan for scan in gate.scans() if "assumed_left" in scan.marks]
    assert (assumed.count, gate.row(issued).inside, gate.row(issued).admitted) == (1, 1, 4)
    assert is_balanced(gate)
