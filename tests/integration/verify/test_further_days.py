"""A pass for several days at the gate, known from its event or only from its token."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest

from contracts.events import PassIssued
from tests.support.factories.verify import NOON, VALID_FROM, VALID_TO, Gate, party_of

DAY = timedelta(days=1)
NIGHT = NOON + timedelta(hours=12)
FURTHER = {"further_days": (date(2026, 12, 2), date(2026, 12, 4))}
"""The second and the fourth day, besides the first of December."""
Issue = Callable[[], PassIssued]


@pytest.fixture
def gate(databases) -> Gate:
    """A gate that knows the issuer's key from another pass."""
    gate = Gate(databases["verify"])
    gate.issue()
    return gate


@pytest.fixture(params=["known", "from its token alone"])
def issue(gate: Gate, request: Any) -> Issue:
    known = request.param == "known"
    return lambda: gate.issue_party(2, **FURTHER) if known else party_of(2, **FURTHER)


def test_a_pass_for_several_days_admits_the_party_once_on_each_of_them(gate: Gate, issue: Issue) -> None:
    issued = issue()
    seen = []
    for at in (NOON, NIGHT, NOON + DAY, NIGHT + DAY, NOON + 2 * DAY, NOON + 3 * DAY):
        seen.append(gate.enter(issued, at=at).verdict)
        gate.leave(issued, at=at)
        seen.append(gate.enter(issued, at=at + timedelta(seconds=1)).verdict)
    seen.append(gate.enter(issued, at=VALID_TO + 3 * DAY).verdict)

    both, closed = ["admit", "already_used"], ["not_yet_valid"] * 2
    assert seen == [*both, *closed, *both, *closed, *closed, *both, "expired"]
    assert (gate.row(issued).admitted, gate.row(issued).admitted_before) == (6, 4)


def test_the_gate_shows_the_window_of_the_day_and_all_days(gate: Gate, issue: Issue) -> None:
    issued = issue()
    shown = {at: gate.enter(issued, at=at, id_check=None) for at in (NOON, NIGHT, NOON + 4 * DAY)}

    windows = [(one.verdict, one.valid_from, one.valid_to) for one in shown.values()]
    assert windows == [
        ("admit", VALID_FROM, VALID_TO),
        ("not_yet_valid", VALID_FROM + DAY, VALID_TO + DAY),
        ("expired", VALID_FROM + 3 * DAY, VALID_TO + 3 * DAY),
    ]
    assert shown[NOON].days == (date(2026, 12, 1), date(2026, 12, 2), date(2026, 12, 4))


def test_a_repeated_scan_shows_the_window_of_its_own_day(gate: Gate, issue: Issue) -> None:
    issued = issue()
    first = gate.enter(issued, nonce="a" * 32)
    assert gate.enter(issued, at=NOON + DAY, nonce="a" * 32) == first


def test_a_party_is_presumed_gone_on_the_day_it_came_and_comes_again_on_the_next(
    gate: Gate, issue: Issue
) -> None:
    issued = issue()
    gate.enter(issued)
    assert gate.enter(issued, at=NOON, id_check=None).verdict == "already_inside"
    assert gate.close(VALID_TO + timedelta(hours=6)) == 1
    assert gate.enter(issued, at=NOON + DAY).verdict == "admit"
    assert gate.inside().items[0].valid_to == VALID_TO + DAY
    assert gate.close(VALID_TO + DAY) == 0
    assert gate.close(VALID_TO + DAY + timedelta(hours=6)) == 1


def test_a_party_without_a_recorded_exit_comes_again_on_the_next_day_before_the_job_has_run(
    gate: Gate, issue: Issue
) -> None:
    issued = issue()
    gate.enter(issued)
    before = gate.everything()
    preview = gate.enter(issued, at=NOON + DAY, id_check=None)
    assert (preview.verdict, preview.inside) == ("admit", 0)
    assert {**gate.everything(), "previews": []} == {**before, "previews": []}
    assert gate.enter(issued, at=NOON + DAY).inside == 2
    moved = [(scan.direction, scan.count, scan.inside, scan.marks) for scan in gate.scans()]
    assert moved == [("entry", 2, 2, []), ("exit", 2, 0, ["assumed_left"]), ("entry", 2, 2, [])]
    assert (gate.row(issued).inside, gate.close(NOON + DAY)) == (2, 0)
    assert gate.enter(issued, at=NOON + DAY).verdict == "already_inside"


def test_an_event_after_the_first_day_leaves_what_was_counted(gate: Gate) -> None:
    issued = party_of(2, **FURTHER)
    gate.enter(issued)
    gate.leave(issued)
    gate.enter(issued, at=NOON + DAY, count=1)
    gate.handle(issued)
    row = gate.row(issued)
    assert (row.further_days, row.day, row.admitted, row.admitted_before) == ([1, 3], 1, 3, 2)


def test_twenty_scans_at_once_on_the_second_day_admit_the_party_once(gate: Gate) -> None:
    issued = gate.issue(**FURTHER)
    gate.enter(issued)
    gate.leave(issued)
    with ThreadPoolExecutor(20) as pool:
        verdicts = list(pool.map(lambda _: gate.enter(issued, at=NOON + DAY).verdict, range(20)))
    assert sorted(verdicts) == ["admit", *["already_inside"] * 19]


def without(issued: PassIssued, *closed: date) -> PassIssued:
    """Return the event by which days of a pass fall away."""
    first, *further = (day for day in (issued.slot.day, *issued.further_days) if day not in closed)
    later = first - issued.slot.day
    changes = {
        "slot": issued.slot.model_copy(update={"day": first}),
        "further_days": tuple(further),
        "closed_days": closed,
        "valid_from": issued.valid_from + later,
        "valid_to": issued.valid_to + later,
        "is_update": True,
    }
    return issued.model_copy(update=changes)


def test_a_day_that_is_closed_admits_nobody_and_the_same_code_opens_the_other_days(
    gate: Gate, issue: Issue
) -> None:
    issued = issue()
    gate.enter(issued)
    gate.leave(issued)
    gate.handle(without(issued, date(2026, 12, 2)), seq=2)
    closed = gate.enter(issued, at=NOON + DAY)
    assert (closed.verdict, closed.days) == ("day_closed", (date(2026, 12, 1), date(2026, 12, 4)))
    assert gate.enter(issued, at=NOON + 3 * DAY).verdict == "admit"


@pytest.mark.parametrize("came", [True, False])
def test_a_pass_whose_first_day_was_closed_admits_the_whole_party_on_each_day_that_is_left(
    gate: Gate, issue: Issue, came: bool
) -> None:
    """Somebody may have come in while the closing was on its way; that day counts for itself."""
    issued = issue()
    if came:
        gate.enter(issued)
        gate.leave(issued)
    gate.handle(without(issued, date(2026, 12, 1)), seq=2)
    assert gate.enter(issued).verdict == "day_closed"
    for days in (1, 3):
        assert gate.enter(issued, at=NOON + days * DAY).verdict == "admit"
        gate.leave(issued, at=NOON + days * DAY)
        assert gate.enter(issued, at=NOON + days * DAY + timedelta(seconds=1)).verdict == "already_used"


def test_an_older_description_of_a_pass_brings_no_closed_day_back(gate: Gate) -> None:
    issued = party_of(2, **FURTHER)
    gate.handle(without(issued, date(2026, 12, 2)), seq=2)
    gate.handle(issued, seq=1)
    assert gate.enter(issued, at=NOON + DAY).verdict == "day_closed"


def test_events_that_arrive_after_a_scan_of_the_shortened_pass_admit_nobody_twice_on_that_day(
    gate: Gate,
) -> None:
    """The first event, too, may find a row that counts from a later day: that of the token."""
    issued = party_of(2, **FURTHER)
    shorter = without(issued, date(2026, 12, 1))
    for event, seq in ((None, 0), (issued, 1), (shorter, 2)):
        if event is not None:
            gate.handle(event, seq=seq)
        verdict = gate.enter(shorter, at=NOON + DAY + timedelta(minutes=seq)).verdict
        assert verdict == ("admit" if event is None else "already_used"), seq
        gate.leave(shorter, at=NOON + DAY + timedelta(minutes=seq, seconds=30))
    assert gate.enter(shorter, at=NOON + 3 * DAY).verdict == "admit"
