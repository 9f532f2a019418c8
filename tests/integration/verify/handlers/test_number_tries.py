"""Guessing pass numbers at a gate is slow, and hinders nobody else."""

from datetime import timedelta

import pytest

from contracts.errors import TooManyAttempts
from services.verify.handlers import number_tries
from tests.support.factories.verify import (
    NOON,
    Gate,
    number_scan,
    officer,
    offline_scan,
    pass_issued,
    scan_of,
)

SECOND = timedelta(seconds=1)


@pytest.fixture
def gate(databases) -> Gate:
    gate = Gate(databases["verify"])
    gate.issue()
    return gate


def guess(gate: Gate, times: int, number: str = "", **changes: object) -> None:
    for second in range(times):
        result = gate.scan(
            number_scan(number or pass_issued().pass_number, **changes), at=NOON + second * SECOND
        )
        assert result.verdict == "unknown_pass"


@pytest.mark.parametrize(
    "changes", [{}, {"id_check": None}, {"number": "NOT-A-NUMBER"}, {"direction": "exit", "id_check": None}]
)
def test_after_ten_unknown_numbers_a_gate_looks_no_number_up_for_a_while(gate: Gate, changes: dict) -> None:
    guess(gate, 10, **changes)
    issued = gate.issue()
    before = gate.everything()
    direction = {"direction": changes.get("direction", "entry")}
    for request in (
        number_scan(issued.pass_number, **direction),
        number_scan(issued.pass_number, id_check=None, **direction),
        number_scan("7K3M", **direction),
    ):
        with pytest.raises(TooManyAttempts) as refused:
            gate.scan(request, at=NOON + 10 * SECOND)
        assert refused.value.body.facts == {"retry_after": 290}
    assert gate.everything() == before
    later = gate.scan(number_scan(issued.pass_number, **direction), at=NOON + 301 * SECOND)
    assert later.verdict in {"admit", "exit"}


def test_guessing_at_the_way_out_does_not_close_the_way_in(gate: Gate) -> None:
    guess(gate, 10, direction="exit", id_check=None)
    issued = gate.issue()
    assert gate.scan(number_scan(issued.pass_number)).verdict == "admit"
    with pytest.raises(TooManyAttempts):
        gate.scan(number_scan(issued.pass_number, direction="exit"), at=NOON + 10 * SECOND)
    assert gate.leave(issued).verdict == "exit", "a QR code always lets out"


def test_the_limit_on_numbers_does_not_affect_tokens_other_gates_and_exits(gate: Gate) -> None:
    guess(gate, 10)
    issued = gate.issue_party(3)
    assert gate.scan(scan_of(issued, count=1)).verdict == "admit"
    assert (
        gate.scan(number_scan(issued.pass_number, gate="PCS1-G2"), officer(gate="PCS1-G2")).verdict == "admit"
    )
    assert gate.scan(number_scan(issued.pass_number, direction="exit")).verdict == "exit"


def test_known_numbers_do_not_count_as_tries(gate: Gate) -> None:
    guess(gate, 9)
    issued = gate.issue()
    for _ in range(20):
        gate.scan(number_scan(issued.pass_number), at=NOON + 9 * SECOND)
    guess(gate, 1)


def test_a_repeat_of_the_last_try_returns_the_first_answer(gate: Gate) -> None:
    last = number_scan(pass_issued().pass_number)
    guess(gate, 9)
    first = gate.scan(last)
    before = gate.everything()
    assert gate.scan(last) == first
    assert gate.everything() == before


def test_old_tries_are_deleted(gate: Gate) -> None:
    guess(gate, 3)
    for at, left in ((NOON + 301 * SECOND, 1), (NOON + 600 * SECOND, 0)):
        with gate.database.transaction() as session:
            number_tries.delete_old(session, at)
        assert len(gate.everything()["number_tries"]) == left


def test_unknown_numbers_that_a_gate_sends_late_count_once_and_are_never_refused(gate: Gate) -> None:
    unknown = {"token": None, "offline": {"verdict": "admit", "list_age_s": 60}}
    sent = [offline_scan("", pass_number=f"2222222{sign}", **unknown) for sign in "23456789AB"]
    for _repeat in range(2):
        items = gate.sync(*sent, at=NOON)
        assert all(item.recorded for item in items)
    with pytest.raises(TooManyAttempts):
        gate.scan(number_scan("7K3M"), at=NOON + SECOND)
    assert gate.sync(offline_scan("", pass_number="2222222C", **unknown), at=NOON + SECOND)[0].recorded


def test_known_numbers_that_a_gate_sends_late_are_no_guesses(gate: Gate) -> None:
    number = gate.issue().pass_number
    admitted = {"verdict": "admit", "list_age_s": 60}
    for _scan in range(11):
        gate.sync(offline_scan("", token=None, pass_number=number, offline=admitted), at=NOON)
    assert gate.scan(number_scan(number), at=NOON + SECOND).verdict != "unknown_pass"
