"""Who has passed the gates of a site, for its other gates."""

from datetime import datetime, timedelta

import pytest

from contracts.errors import Forbidden
from contracts.rpc.verify.presence import MovementQuestion, Movements
from services.verify.handlers import movements, scans
from tests.support.factories.verify import GATE, NOON, SETTINGS, Gate, calling, officer, offline_scan, scan_of
from tests.support.stack.backends import TestStack
from tests.support.stack.database_faults import superuser

HOUR = timedelta(hours=1)


class Listener(Gate):
    """A gate that asks who has passed."""

    def movements(self, after: int | None = None) -> Movements:
        return self.movements_at(NOON, after)

    def movements_at(self, at: datetime, after: int | None = None) -> Movements:
        question = MovementQuestion(site="PCS1", after=after)
        with self.database.queries() as session:
            return movements.list_movements(question, calling(), session, at)


@pytest.fixture
def gate(databases) -> Listener:
    return Listener(databases["verify"])


def told(answer: Movements) -> list[tuple[str, str, int, int]]:
    return [(one.pass_, one.verdict, one.count, one.inside) for one in answer.items]


def test_entries_and_exits_are_told_with_who_is_inside_then_and_nobody_is_named(gate: Listener) -> None:
    party = gate.issue_party(3)
    gate.enter(party, count=2, nonce="first-nonce")
    gate.leave(party, count=1)
    answer = gate.movements()
    assert told(answer) == [(party.pass_number, "admit", 2, 2), (party.pass_number, "exit", 1, 1)]
    first = answer.items[0]
    assert (first.nonce, first.gate, first.at) == ("first-nonce", GATE, NOON)
    assert answer.last == answer.items[-1].position
    assert "Gurpreet" not in answer.model_dump_json()


def test_a_movement_says_when_it_was_recorded(gate: Listener) -> None:
    issued = gate.issue()
    gate.sync(offline_scan(issued, NOON - HOUR / 2))
    (one,) = gate.movements().items
    assert (one.at, one.recorded_at) == (NOON - HOUR / 2, NOON)


def test_a_manifest_says_which_movements_it_has_whatever_the_clocks_of_replicas_say(gate: Listener) -> None:
    before, under_way, at_once, after = passes = [gate.issue() for _ in range(4)]
    gate.enter(before, at=NOON + HOUR / 4)
    with gate.database.transaction() as session:
        scans.scan_in_transaction(scan_of(under_way), calling(), session, NOON, SETTINGS)
        gate.enter(at_once)
        manifest = gate.manifest()
    gate.enter(after, at=NOON - HOUR / 4)
    snapshot = manifest.snapshot
    assert snapshot is not None
    told = {one.pass_: one for one in gate.movements().items}
    assert {one.timeline for one in told.values()} == {snapshot.timeline}
    found = [told[one.pass_number].transaction or 0 for one in passes]
    assert found[0] < snapshot.all_before <= found[1] < found[2] < snapshot.none_from <= found[3]
    held = {one.pass_: one.inside for one in manifest.passes}
    assert [held[one.pass_number] for one in passes] == [1, 0, 1, 0]


def test_what_a_gate_did_after_a_refusal_that_it_never_heard_is_told_by_its_own_nonce(gate: Listener) -> None:
    issued = gate.issue()
    gate.enter(issued, at=NOON - HOUR / 2)
    online = scan_of(issued)
    assert gate.scan(online).verdict == "already_inside"
    gate.sync(offline_scan(issued, nonce=online.nonce))
    assert [one.nonce for one in gate.movements().items][1:] == [online.nonce]


def test_refusals_and_looks_move_nobody(gate: Listener) -> None:
    issued = gate.issue()
    gate.enter(issued, id_check=None)
    gate.enter(issued, at=NOON + 5 * HOUR)
    assert gate.movements().items == ()


def test_a_scan_that_was_stored_after_a_later_one_is_not_missed(
    gate: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    early, late = gate.issue(), gate.issue()
    gate.enter(early)
    gate.enter(late)
    newest = gate.movements().last
    assert [one.pass_ for one in gate.movements(after=newest).items] == [early.pass_number, late.pass_number]
    monkeypatch.setattr(movements, "OVERLAP", 0)
    assert gate.movements(after=newest).items == ()


def test_places_that_a_promotion_has_lost_and_that_are_used_again_are_told(
    gate: Listener, stack: TestStack
) -> None:
    stayed, lost, new = gate.issue(), gate.issue(), gate.issue()
    gate.enter(stayed)
    with superuser(stack, "verify") as connection:
        connection.execute("select setval('scan_positions', last_value + 1000) from scan_positions")
        gate.enter(lost)
        known = gate.movements().last
        connection.execute("delete from scans where pass_number = %s", (lost.pass_number,))
        connection.execute("select setval('scan_positions', last_value - 1000) from scan_positions")
    gate.enter(new)
    answer = gate.movements(after=known)
    assert [one.pass_ for one in answer.items] == [stayed.pass_number, new.pass_number]
    assert answer.last == answer.items[-1].position < known


def test_no_place_counts_as_lost_because_the_clock_of_a_replica_is_behind(gate: Listener) -> None:
    gate.enter(gate.issue())
    behind = NOON - 2 * HOUR
    gate.enter(gate.issue(), at=behind)
    known = gate.movements_at(behind).last
    assert gate.movements(after=known).last == known


def test_more_than_one_answer_holds_come_one_answer_after_the_other(
    gate: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = [gate.issue() for _ in range(5)]
    for issued in passes:
        gate.enter(issued)
    monkeypatch.setattr(movements, "MOST", 2)
    monkeypatch.setattr(movements, "OVERLAP", 0)
    seen: list[str] = []
    after = gate.movements().last - 5
    for _ in range(3):
        answer = gate.movements(after=after)
        seen += [one.pass_ for one in answer.items]
        after = answer.last
    assert seen == [issued.pass_number for issued in passes]


def test_what_is_older_than_an_hour_is_not_told(gate: Listener) -> None:
    gate.enter(gate.issue(), at=NOON - HOUR)
    assert gate.movements(after=0).items == ()


@pytest.mark.parametrize(("role", "site"), [("security", "PCS2"), ("reception", "PCS1")])
def test_only_guards_of_the_site_hear_of_it(gate: Listener, role: str, site: str) -> None:
    principal, question = officer(role=role), MovementQuestion(site=site)
    with gate.database.queries() as session, pytest.raises(Forbidden):
        movements.list_movements(question, calling(principal), session, NOON)
