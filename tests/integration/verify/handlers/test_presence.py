"""Who is inside, and who is presumed gone."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from contracts.errors import Forbidden, InvalidInput
from services.verify.handlers import presence
from tests.support.factories.verify import GATE, NOON, VALID_TO, Gate, officer, pass_issued

CLOSED = VALID_TO + timedelta(hours=6)
MINUTE = timedelta(minutes=1)


def test_the_list_starts_with_the_party_that_has_been_inside_longest(gate: Gate) -> None:
    late, early, gone = gate.issue_party(3), gate.issue(), gate.issue()
    gate.enter(early, at=NOON - MINUTE)
    gate.enter(late, count=2)
    gate.enter(gone)
    gate.leave(gone)
    answer = gate.inside()
    assert [(one.pass_, one.inside, one.party, one.since) for one in answer.items] == [
        (early.pass_number, 1, 1, NOON - MINUTE),
        (late.pass_number, 2, 3, NOON),
    ]
    first = answer.items[0]
    assert (first.name_latin, first.gate, first.department, first.valid_to, first.reference) == (
        "Gurpreet Kaur",
        GATE,
        "home",
        VALID_TO,
        early.reference,
    )
    assert (answer.persons, answer.next) == (3, None)


def test_since_is_the_entry_of_the_first_person_of_the_party(gate: Gate) -> None:
    issued = gate.issue_party(3)
    gate.enter(issued, count=2)
    gate.leave(issued, count=1, at=NOON + MINUTE)
    gate.enter(issued, count=1, at=NOON + 2 * MINUTE)
    (party,) = gate.inside().items
    assert (party.since, party.inside) == (NOON, 2)


def test_pages_of_parties_inside_have_no_gap_and_no_repeat(gate: Gate) -> None:
    passes = [gate.issue() for _ in range(7)]
    for number, issued in enumerate(passes):
        gate.enter(issued, at=NOON + number // 3 * MINUTE)
    seen, after = [], None
    for _ in range(4):
        page = gate.inside(after=after, limit=2)
        assert page.persons == 7
        seen += [one.pass_ for one in page.items]
        after = page.next
    assert after is None
    assert sorted(seen) == sorted(issued.pass_number for issued in passes)
    assert [one.since for one in gate.inside().items] == sorted(one.since for one in gate.inside().items)


def test_a_cursor_that_was_never_issued_is_refused(gate: Gate) -> None:
    for after in ("", "2026-12-01T06:00:00+00:00", "2026-12-01T06:00:00~7K3M9QW4", "\x00~\x00"):
        with pytest.raises(InvalidInput):
            gate.inside(after=after)


def test_only_security_of_the_site_lists_who_is_inside_it(gate: Gate) -> None:
    gate.enter(gate.issue())
    for changes, code in (
        ({"site": "PCS2"}, "not_your_site"),
        ({"site": None}, "not_your_site"),
        ({"role": "ops"}, "forbidden"),
    ):
        with pytest.raises(Forbidden) as refused:
            gate.inside(officer(**changes))
        assert refused.value.body.code == code
    assert gate.inside(officer("PCS2", None), site="PCS2").persons == 0
    assert gate.inside(site="PCS1").persons == 1


def test_a_party_without_an_exit_is_presumed_gone_long_after_its_window(gate: Gate) -> None:
    issued = gate.issue_party(3)
    gate.enter(issued, count=2)
    assert gate.close(CLOSED - MINUTE) == 0
    assert gate.inside().persons == 2
    assert gate.close(CLOSED) == 1
    assert gate.inside().persons == 0
    event = gate.published()[-1]
    assert {
        name: event[name]
        for name in ("direction", "verdict", "count", "inside", "marks", "scanned_by", "gate", "site")
    } == {
        "direction": "exit",
        "verdict": "exit",
        "count": 2,
        "inside": 0,
        "marks": ["assumed_left"],
        "scanned_by": "system",
        "gate": GATE,
        "site": "PCS1",
    }
    scan = gate.scans()[-1]
    assert (scan.verdict, scan.count, scan.marks, scan.scanned_at) == ("exit", 2, ["assumed_left"], CLOSED)


def test_a_party_that_was_presumed_gone_may_enter_again(gate: Gate) -> None:
    issued = gate.issue(entries=2)
    gate.enter(issued)
    gate.close(CLOSED)
    gate.handle(issued.model_copy(update={"valid_to": CLOSED + timedelta(days=1)}), seq=2)
    assert gate.enter(issued, at=CLOSED + MINUTE).verdict == "admit"


def test_a_party_known_only_from_its_token_is_presumed_gone_too(gate: Gate) -> None:
    gate.issue()
    issued = pass_issued()
    gate.enter(issued)
    assert gate.close(CLOSED) == 1
    assert gate.published() == []
    gate.handle(issued)
    assert [one["direction"] for one in gate.published()] == ["entry", "exit"]


def test_overdue_visits_are_closed_in_batches(gate: Gate) -> None:
    for _ in range(103):
        gate.enter(gate.issue())
    assert [gate.close(CLOSED), gate.close(CLOSED), gate.close(CLOSED)] == [100, 3, 0]


def test_a_party_that_is_being_scanned_is_not_presumed_gone(gate: Gate) -> None:
    issued = gate.issue()
    gate.enter(issued)
    with gate.database.transaction() as scanning:
        scanning.execute(text("select 1 from passes for update"))
        assert gate.close(CLOSED) == 0
    assert gate.close(CLOSED) == 1


def test_one_replica_at_a_time_closes_overdue_visits(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else two replicas could wait for each other over two passes of one application."""
    monkeypatch.setattr(presence, "BATCH", 1)
    gate.enter(gate.issue())
    gate.enter(gate.issue())
    with gate.database.transaction() as first:
        assert presence.close_overdue(first, CLOSED) == 1
        assert gate.close(CLOSED) == 0
    assert gate.close(CLOSED) == 1
