"""Scans that come late: what happened meanwhile, and who may send them."""

import pytest

from tests.integration.verify.handlers.synced import (
    DAY,
    LATER,
    MINUTE,
    OTHER_GATE,
    is_balanced,
    outcomes,
    sync_at_other,
)
from tests.support.factories.verify import (
    NOON,
    VALID_FROM,
    VALID_TO,
    Gate,
    offline_exit,
    offline_scan,
    pass_issued,
    scan_of,
)


def test_a_party_that_came_on_two_days_and_left_unseen_is_let_out_in_between(gate: Gate) -> None:
    issued = gate.issue(
        valid_from=VALID_FROM, valid_to=VALID_TO, further_days=(pass_issued().slot.day + DAY,)
    )
    gate.sync(offline_scan(issued), offline_scan(issued, NOON + DAY), at=NOON + DAY + MINUTE)
    row = gate.row(issued)
    assert (row.inside, row.admitted, row.day, row.inside_since) == (1, 2, 1, NOON + DAY)
    (assumed,) = [scan for scan in gate.scans() if "assumed_left" in scan.marks]
    assert NOON < assumed.scanned_at < NOON + DAY
    assert gate.conflicts() == []
    assert is_balanced(gate)


def test_an_entry_that_was_unsent_when_its_party_was_presumed_gone_balances(gate: Gate) -> None:
    issued = gate.issue_party(2)
    gate.enter(issued, count=1)
    gate.close(NOON + DAY)
    assert outcomes(gate.sync(offline_scan(issued, NOON + MINUTE), at=NOON + DAY)) == [("admit", False, None)]
    assert gate.row(issued).inside == 0
    assert is_balanced(gate)


def test_an_exit_that_was_unsent_when_its_party_was_presumed_gone_balances(gate: Gate) -> None:
    issued = gate.issue()
    gate.enter(issued)
    gate.close(NOON + DAY)
    assert outcomes(gate.sync(offline_exit(issued, NOON + MINUTE), at=NOON + DAY)) == [("exit", False, None)]
    assert gate.row(issued).inside == 0
    assert is_balanced(gate)


@pytest.mark.parametrize("online", [True, False])
def test_a_party_that_left_uncounted_before_its_entry_was_heard_of_is_outside(
    gate: Gate, online: bool
) -> None:
    """Five come in at a gate without a network, and all leave at another one, which knows of nobody."""
    issued = gate.issue_party(5, entries=2)
    if online:
        left = gate.leave(issued)
        assert (left.verdict, left.marks) == ("exit", ("no_entry",))
    else:
        sync_at_other(gate, offline_exit(issued, NOON, gate=OTHER_GATE, count=None))
    (item,) = gate.sync(offline_scan(issued, NOON - 5 * MINUTE, count=5), at=LATER)
    assert (item.conflict, gate.row(issued).inside) == (False, 0)
    again = offline_scan(issued, NOON + 5 * MINUTE, count=5, gate=OTHER_GATE)
    assert outcomes(sync_at_other(gate, again)) == [("admit", False, None)]
    assert (gate.row(issued).inside, gate.conflicts()) == (5, [])
    assert [sorted(scan.marks) for scan in gate.scans() if scan.direction == "exit"] == [
        ["all", "no_entry"] if online else ["all", "no_entry", "offline"]
    ]
    assert all("all" not in one["marks"] for one in gate.published())
    assert is_balanced(gate)


def test_an_exit_that_nobody_counted_and_of_whom_some_had_left_before_balances(gate: Gate) -> None:
    issued = gate.issue_party(3)
    gate.enter(issued, at=NOON - 20 * MINUTE)
    first = gate.scan(scan := scan_of(issued, direction="exit", id_check=None))
    sync_at_other(gate, offline_exit(issued, NOON - 10 * MINUTE, count=2, gate=OTHER_GATE))
    assert (gate.row(issued).inside, gate.conflicts()) == (0, [])
    assert gate.scan(scan) == first
    assert is_balanced(gate)


def test_an_entry_that_was_unsent_when_its_exit_was_recorded_balances(gate: Gate) -> None:
    issued = gate.issue()
    gate.leave(issued)
    assert (
        outcomes(sync_at_other(gate, offline_scan(issued, NOON - MINUTE, gate=OTHER_GATE)))[0][0] == "admit"
    )
    assert (gate.row(issued).inside, gate.row(issued).admitted) == (0, 1)
    assert is_balanced(gate)
