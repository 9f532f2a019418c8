"""Simultaneous scans: one pass admits its party and no more, one nonce has one effect."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from contracts.errors import InvalidInput
from tests.support.factories.verify import (
    HANDLERS,
    MATCHED,
    NOON,
    Gate,
    erased,
    pass_issued,
    pass_revoked,
    received,
    scan_of,
)

CROWD = 100


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """Return the result of each call; all start together."""
    start = Barrier(len(works))

    def begin(work: Callable[[], Any]) -> Any:
        start.wait()
        while True:
            try:
                return work()
            except (PoolTimeout, OperationalError):
                continue  # no connection or lock in time: nothing happened, and a gate repeats the scan

    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result() for future in [pool.submit(begin, work) for work in works]]


@pytest.mark.parametrize("known", [True, False])
def test_a_hundred_simultaneous_scans_of_one_pass_admit_its_holder_once(gate: Gate, known: bool) -> None:
    gate.issue()
    issued = gate.issue() if known else pass_issued()
    results = at_once(*[lambda: gate.enter(issued)] * CROWD)
    assert Counter(result.verdict for result in results) == {"admit": 1, "already_inside": CROWD - 1}
    assert (gate.row(issued).inside, gate.row(issued).admitted, len(gate.scans())) == (1, 1, CROWD)
    assert len(gate.published()) == (CROWD if known else 0)


def test_a_party_that_enters_by_many_gates_at_once_is_counted_correctly(gate: Gate) -> None:
    issued = gate.issue_party(5)

    def one() -> str:
        return gate.enter(issued, count=1).verdict

    assert Counter(at_once(*[one] * 20)) == {"admit": 5, "already_inside": 15}
    assert sorted(event["inside"] for event in gate.published() if event["verdict"] == "admit") == [
        1,
        2,
        3,
        4,
        5,
    ]


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("direction", ["entry", "exit"])
def test_simultaneous_scans_with_one_nonce_are_one_scan(gate: Gate, known: bool, direction: str) -> None:
    gate.issue()
    issued = gate.issue_party(3) if known else pass_issued(party=3)
    request = scan_of(issued, direction=direction, count=2, id_check=MATCHED)
    results = at_once(*[lambda: gate.scan(request)] * 20)
    assert all(result == results[0] for result in results)
    assert len(gate.scans()) == 1
    assert gate.row(issued).inside == (2 if direction == "entry" else 0)


def test_each_scan_is_published_once_when_the_event_and_first_scans_coincide(gate: Gate) -> None:
    """A scan publishes itself, or the event does it later; and nobody enters twice."""
    gate.issue()
    for _ in range(10):
        issued, before = pass_issued(), len(gate.published())
        at_once(*[lambda issued=issued: gate.enter(issued)] * 6, lambda issued=issued: gate.handle(issued))
        assert len(gate.published()) == before + 6
        assert gate.row(issued).admitted == 1
        assert gate.row(issued).people is not None


def test_a_scan_after_a_revocation_is_refused_even_while_others_wait_for_the_lock(gate: Gate) -> None:
    issued = gate.issue(entries=20)
    works: list[Callable[[], Any]] = [lambda: gate.enter(issued), lambda: gate.leave(issued)] * 10
    at_once(*works, lambda: gate.handle(pass_revoked(issued), seq=2))
    assert gate.enter(issued).verdict == "revoked"


@pytest.mark.parametrize("erased_first", [True, False])
def test_no_name_remains_when_issuing_and_erasing_coincide(gate: Gate, erased_first: bool) -> None:
    """Whichever begins first, the other waits: neither sees what the other has not committed."""
    issued = pass_issued()
    events = [erased(issued), issued] if erased_first else [issued, erased(issued)]
    with ThreadPoolExecutor(1) as pool:
        with gate.database.transaction() as session:
            HANDLERS[type(events[0])](received(events[0]), session, NOON)
            second = pool.submit(gate.handle, events[1])
            with pytest.raises(TimeoutError):
                second.result(timeout=0.5)
        second.result()
    assert gate.row(issued).people is None


def test_two_simultaneous_counts_that_exceed_the_party_are_not_both_admitted(gate: Gate) -> None:
    issued = gate.issue_party(3)

    def two() -> str:
        try:
            return gate.enter(issued, count=2).verdict
        except InvalidInput as error:
            return error.body.fields[0].code

    assert Counter(at_once(*[two] * 10)) == {"admit": 1, "count_over_remaining": 9}
