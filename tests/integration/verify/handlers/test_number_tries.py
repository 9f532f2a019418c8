"""Guessing pass numbers at a gate is slow, and hinders nobody else."""

from datetime import timedelta

import pytest

from contracts.errors import TooManyAttempts
from contracts.rpc.verify.offline_scans import OfflineScan
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


def test_tries_that_were_sent_stay_as_long_as_they_count(gate: Gate) -> None:
    gate.sync(*unknown_numbers(1))
    for at, left in ((NOON + 3599 * SECOND, 1), (NOON + 3600 * SECOND, 0)):
        with gate.database.transaction() as session:
            number_tries.delete_old(session, at)
        assert len(gate.everything()["number_tries"]) == left


def by_number(number: str, **changes: object) -> OfflineScan:
    """A scan without a network, by the number of a pass."""
    return offline_scan("", token=None, pass_number=number, **changes)


def unknown_numbers(count: int) -> list[OfflineScan]:
    return [by_number(pass_issued().pass_number) for _ in range(count)]


def test_unknown_numbers_that_a_gate_sends_late_count_once_and_close_no_gate(gate: Gate) -> None:
    sent = unknown_numbers(number_tries.SENT_LIMIT)
    for _repeat in range(2):
        assert all(item.recorded for item in gate.sync(*sent))
    assert gate.scan(number_scan(gate.issue().pass_number), at=NOON + SECOND).verdict == "admit"


def test_after_many_unknown_numbers_those_of_a_device_wait_and_say_nothing_of_which_exist(gate: Gate) -> None:
    known, by_token = gate.issue(), gate.issue()
    late = [by_number(known.pass_number), *unknown_numbers(1), offline_scan(by_token)]
    answer = gate.synced(*unknown_numbers(number_tries.SENT_LIMIT), *late)
    assert answer.retry_after == 3600
    waiting, same, taken = answer.items[-3:]
    assert waiting.model_dump(exclude={"nonce"}) == same.model_dump(exclude={"nonce"})
    assert (waiting.recorded, waiting.problem) == (False, None)
    assert taken.recorded, "a token is no guess"
    assert gate.row(known).inside == 0
    assert not gate.synced(late[0], at=NOON + 1800 * SECOND).items[0].recorded


def test_no_scan_that_waits_is_lost_and_each_counts_once(gate: Gate) -> None:
    known = gate.issue()
    sent = [*unknown_numbers(2 * number_tries.SENT_LIMIT + 1), by_number(known.pass_number)]
    recorded: list[int] = []
    for hour in range(4):
        answer = gate.synced(*sent, at=NOON + hour * number_tries.SENT_WINDOW)
        recorded.append(sum(item.recorded for item in answer.items))
    most = number_tries.SENT_LIMIT
    assert recorded == [most, 2 * most, 2 * most + 2, 2 * most + 2]
    assert answer.retry_after is None
    assert len(gate.scans()) == len(sent)


def test_a_nonce_that_was_used_for_an_unknown_number_tells_of_no_other_number_and_evades_no_limit(
    gate: Gate,
) -> None:
    known = gate.issue()
    online = number_scan(pass_issued().pass_number, direction="exit", id_check=None)
    assert gate.scan(online).verdict == "unknown_pass"
    left = {"direction": "exit", "id_check": None, "nonce": online.nonce, "count": None}
    guesses = [
        by_number(number, **left, offline={"verdict": "unknown_pass", "list_age_s": 60})
        for number in (pass_issued().pass_number, known.pass_number)
    ]
    for guess_, same in (guesses, guesses[::-1]):
        items = gate.sync(guess_, same)
        assert [(item.recorded, item.problem) for item in items] == [(False, "nonce_reused")] * 2
    gate.sync(*unknown_numbers(number_tries.SENT_LIMIT))
    assert [(item.recorded, item.problem) for item in gate.sync(*guesses)] == [(False, None)] * 2


def test_an_exit_by_an_unknown_number_whose_answer_was_lost_counts_once(gate: Gate) -> None:
    number = pass_issued().pass_number
    online = number_scan(number, direction="exit", id_check=None, count=None)
    gate.scan(online)
    left = {"direction": "exit", "id_check": None, "nonce": online.nonce, "count": None}
    again = by_number(number, **left, offline={"verdict": "unknown_pass", "list_age_s": 60})
    gate.sync(*unknown_numbers(number_tries.SENT_LIMIT))
    (item,) = gate.sync(again)
    assert item.recorded
    assert len(gate.scans()) == number_tries.SENT_LIMIT + 1


def test_each_device_has_a_limit_of_its_own(gate: Gate) -> None:
    known = gate.issue()
    one, other = (officer(gate_device=f"GAT-000{number}") for number in (1, 2))
    gate.sync(*unknown_numbers(number_tries.SENT_LIMIT), principal=one)
    same_device = officer(gate_device="GAT-0001", login_id="SEC-0002")
    assert gate.synced(by_number(known.pass_number), principal=same_device).retry_after is not None
    assert gate.synced(by_number(known.pass_number), principal=other).items[0].recorded


def test_known_numbers_that_a_gate_sends_late_are_no_guesses(gate: Gate) -> None:
    number = gate.issue().pass_number
    admitted = {"verdict": "admit", "list_age_s": 60}
    for _scan in range(11):
        gate.sync(offline_scan("", token=None, pass_number=number, offline=admitted), at=NOON)
    assert gate.scan(number_scan(number), at=NOON + SECOND).verdict != "unknown_pass"
