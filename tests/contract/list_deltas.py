"""The shared table of status lists and their deltas, by issuance's own functions.

`python -m tests.contract.list_deltas` writes ``contracts/samples/status_deltas.json``. It drives issuance's
tests and those of the gate's app, which applies the deltas in another language.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

from contracts.crockford import ALPHABET
from contracts.list_digest import digest_of
from contracts.rpc.issuance import StatusDelta, StatusList
from services.issuance.domain.status_lists import Delta, Step, add_step, deltas_of
from tests.support.stack.paths import ROOT

FILE = ROOT / "contracts" / "samples" / "status_deltas.json"
SEED = 54
HISTORIES = 12


@dataclass(frozen=True)
class Signed:
    """A list that was signed, and what was kept of those before."""

    seq: int
    revoked: frozenset[str]
    steps: tuple[Step, ...]

    @property
    def mark(self) -> str:
        """What a gate that holds it sends."""
        return f"{self.seq}.{digest_of(self.revoked)}"

    @property
    def deltas(self) -> tuple[Delta, ...]:
        """What is signed with it."""
        return tuple(deltas_of(self.steps, self.revoked))

    @property
    def reply(self) -> StatusList:
        """What the gateway has of it; in place of each delta is its number, in place of the list `whole`."""
        deltas = tuple(
            StatusDelta(since=one.since, base=one.base, jws=str(at)) for at, one in enumerate(self.deltas)
        )
        return StatusList(jws="whole", seq=self.seq, digest=digest_of(self.revoked), deltas=deltas)


def history(chance: Random, length: int, most: int = 6) -> Iterator[Signed]:
    """Iterate over random lists, each made of the one before: passes come, go, come back, or nothing does."""
    seq, steps = chance.randrange(1, 1_000), ()
    revoked = frozenset(_number(chance) for _ in range(chance.choice((0, 3, 40, 110))))
    gone: set[str] = set()
    for _ in range(length):
        before, seq = revoked, seq + 1
        if chance.random() < 0.6:
            come = {_number(chance) for _ in range(chance.randrange(most))}
            back = {one for one in sorted(gone) if chance.random() < 0.2}
            go = {one for one in sorted(revoked) if chance.random() < 0.03}
            revoked, gone = (revoked | come | back) - go, (gone - back) | go
        steps = add_step(steps, seq, before, revoked)
        yield Signed(seq, revoked, steps)


def table() -> list[dict[str, Any]]:
    """Return the whole table, the same each time."""
    chance = Random(SEED)
    return [_line(tuple(history(chance, chance.randrange(1, 24)))) for _ in range(HISTORIES)]


def text_of(lines: list[dict[str, Any]]) -> str:
    """Return a table as its file has it."""
    return "[\n" + ",\n".join(json.dumps(line) for line in lines) + "\n]\n"


def _line(lists: tuple[Signed, ...]) -> dict[str, Any]:
    newest = lists[-1]
    return {
        "lists": [
            {"seq": one.seq, "digest": digest_of(one.revoked), "revoked": sorted(one.revoked)}
            for one in lists
        ],
        "deltas": [asdict(one) for one in newest.deltas],
        "answers": {one.mark: newest.reply.newer_than(one.mark) for one in lists},
    }


def _number(chance: Random) -> str:
    return "".join(chance.choices(ALPHABET, k=8))


if __name__ == "__main__":
    FILE.write_text(text_of(table()), encoding="utf-8")
