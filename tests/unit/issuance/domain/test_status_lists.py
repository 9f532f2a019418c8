"""What changes from one status list to the next: whoever applies it holds the newest list."""

import json
from random import Random

import pytest

from contracts.list_digest import digest_of
from contracts.rpc.issuance import MOST_AHEAD
from services.issuance.domain import status_lists
from services.issuance.domain.status_lists import KEPT_STEPS, REACHES, Delta, add_step, deltas_of
from tests.contract.list_deltas import FILE, Signed, history, table, text_of


def applied(delta: Delta, held: frozenset[str]) -> frozenset[str]:
    return (held | set(delta.revoked)) - set(delta.ended)


def disagreements(count: int = 60) -> list[str]:
    """Return which answers, in random histories, do not make the newest list of the one that is held."""
    found = []
    for seed in range(count):
        lists = tuple(history(Random(seed), 30))
        for end, newest in enumerate(lists):
            for held in lists[: end + 1]:
                answer = newest.reply.newer_than(held.mark)
                if answer == "whole":
                    continue
                made = held.revoked if answer is None else applied(newest.deltas[int(answer)], held.revoked)
                if made != newest.revoked:
                    found.append(f"history {seed}: {held.seq} to {newest.seq}")
    return found


def test_the_table_is_what_the_domain_makes_today() -> None:
    """If not: `python -m tests.contract.list_deltas`, and change the gate's app."""
    assert FILE.read_text(encoding="utf-8") == text_of(table())


def test_the_table_has_deltas_of_each_kind() -> None:
    lines = json.loads(FILE.read_text(encoding="utf-8"))
    answers = [answer for line in lines for answer in line["answers"].values()]
    assert {"whole", "0", "1", "2", "3", None} <= set(answers)
    deltas = [delta for line in lines for delta in line["deltas"]]
    for name in ("revoked", "ended"):
        assert {True, False} == {bool(delta[name]) for delta in deltas}


def test_each_answer_makes_the_newest_list_of_whatever_list_is_held() -> None:
    assert disagreements() == []


def test_control_a_change_that_is_left_out_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_lists, "KEPT_STEPS", 5)
    assert disagreements() == [], "older lists get the whole one"
    real = status_lists.add_step

    def forgetful(*arguments: object) -> tuple[status_lists.Step, ...]:
        steps = real(*arguments)  # type: ignore[arg-type]
        return (*steps[:-1], status_lists.Step(steps[-1].seq, steps[-1].digest, steps[-1].changed[1:]))

    monkeypatch.setattr("tests.contract.list_deltas.add_step", forgetful)
    assert disagreements(5) != []


def test_a_list_without_changes_has_a_delta_that_says_so() -> None:
    steps = add_step((), 1, set(), {"AAAAAAAA"})
    steps = add_step(steps, 2, {"AAAAAAAA"}, {"AAAAAAAA"})
    same = digest_of({"AAAAAAAA"})
    assert list(deltas_of(steps, {"AAAAAAAA"})) == [Delta(1, same, same, (), ())]


def test_deltas_reach_back_an_hour_and_no_further() -> None:
    steps: tuple[status_lists.Step, ...] = ()
    for seq in range(1, KEPT_STEPS + 50):
        steps = add_step(steps, seq, set(), set())
    newest = steps[-1].seq
    assert [newest - one.since for one in deltas_of(steps, set())] == list(REACHES)
    assert len(steps) == KEPT_STEPS + 1


def test_a_delta_that_is_large_beside_its_list_is_not_made() -> None:
    few = {f"{number:08}" for number in range(50)}
    many = {f"{number:08}" for number in range(51)}
    assert [len(list(deltas_of(add_step(add_step((), 1, set(), set()), 2, set(), after), after)))
            for after in (few, many)] == [1, 0]  # fmt: skip


def newest() -> Signed:
    return tuple(history(Random(7), 10))[-1]


@pytest.mark.parametrize("held", ["", ".", "x", "-1.a", "1e3.a", "٣.a", "99999999999999999999.a", "1", "0.a"])
def test_a_mark_that_names_no_list_of_ours_gets_the_whole_list(held: str) -> None:
    assert newest().reply.newer_than(held) == "whole"


def test_a_list_of_the_same_number_with_another_digest_gets_the_whole_list() -> None:
    """Such as after a restored backup, which counts from an earlier number."""
    one = newest()
    before = one.steps[-2]
    assert one.reply.newer_than(f"{before.seq}.{before.digest}") == "0"
    for seq in (one.seq, before.seq):
        assert one.reply.newer_than(f"{seq}.{'0' * 32}") == "whole"


def test_a_list_that_is_newer_by_a_minute_at_most_is_not_answered_with_the_whole_one() -> None:
    """The gateway that is asked is seconds behind another one, which has served it."""
    one = newest()
    ahead = [
        one.reply.newer_than(f"{one.seq + count}.{'0' * 32}") for count in (1, MOST_AHEAD, MOST_AHEAD + 1)
    ]
    assert ahead == [None, None, "whole"]
