"""Three gates and 5,000 passes of a day whose networks come and go, against an omniscient ledger."""

from collections import Counter
from dataclasses import replace
from uuid import uuid4

import pytest

from services.verify.domain import ledger
from services.verify.domain.ledger import Movement
from tests.contract.gates_apart import Day
from tests.support.stack.extent import few_of

SEEDS, PASSES = range(20), 5_000


def faults(day: Day) -> Counter[str]:
    """Return what the server knows otherwise than the omniscient ledger, in numbers."""
    walked = {movement.scan: movement for movements in day.walked.values() for movement in movements}
    found = Counter(
        lost=len(walked.keys() - day.recorded.keys()), invented=len(day.recorded.keys() - walked.keys())
    )
    for one in day.passes:
        inside, excess = day.truth(one.number)
        now = day.ledgers[one.number].now
        published = sum(conflict.exposure for conflict in day.conflicts[one.number])
        found["inside"] += now.standing.inside != inside
        found["exposure"] += sum(known.exposure for known in now.contradictions.values()) != excess
        found["conflicts"] += excess > 0
        found["missed"] += published < excess
        found["explained later"] += published > 0 and excess == 0
    return +found


@pytest.mark.parametrize("seed", few_of(SEEDS))
def test_no_scan_is_lost_or_invented_and_every_conflict_is_found(seed: int) -> None:
    day = Day(seed, PASSES)
    day.run()
    found = faults(day)
    offline = sum(movement.offline for movement in day.recorded.values())
    print(f"{len(day.recorded)} scans, {offline} offline, {day.repeated} repeated: {dict(found)}")
    assert offline > 500
    assert day.repeated > 0
    assert found["conflicts"] > 20
    assert set(found) <= {"conflicts", "explained later"}


def test_control_a_lost_scan_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    day = Day(0, 1_000)
    record = day._record
    monkeypatch.setattr(day, "_record", lambda number, one: number % 50 and record(number, one))
    day.run()
    assert faults(day)["lost"] > 0
    assert faults(day)["exposure"] > 0


def test_control_a_repeated_scan_that_counts_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def record(number: int, movement: Movement) -> None:
        known(number, replace(movement, scan=uuid4()) if movement.scan in day.recorded else movement)

    day = Day(0, 1_000)
    known = day._record
    monkeypatch.setattr(day, "_record", record)
    day.run()
    assert faults(day)["invented"] > 0
    assert faults(day)["exposure"] > 0


def test_control_scans_in_the_order_of_their_arrival_find_other_conflicts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def append(movements: list[Movement], one: Movement, *, key: object) -> None:
        movements.append(one)

    monkeypatch.setattr(ledger, "insort_right", append)
    day = Day(0, 1_000)
    day.run()
    assert faults(day)["exposure"] > 0


def test_control_an_exit_that_nobody_counted_is_not_the_number_that_the_gate_believed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    day = Day(0, 1_000)
    record = day._record
    monkeypatch.setattr(day, "_record", lambda number, one: record(number, replace(one, uncounted=False)))
    day.run()
    assert faults(day)["inside"] > 0
    assert faults(day)["exposure"] > 0


def test_control_a_server_that_publishes_nothing_misses_conflicts(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgets(self: ledger.Ledger, movement: Movement) -> ledger.Added:
        added = add(self, movement)
        return ledger.Added(added.decision, (), added.has_surplus)

    add = ledger.Ledger.add
    monkeypatch.setattr(ledger.Ledger, "add", forgets)
    day = Day(0, 1_000)
    day.run()
    assert faults(day)["missed"] > 0
