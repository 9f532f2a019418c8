"""How the list of revoked passes changes from one signing to the next.

A gate that holds a list asks for what has changed since. The newest step and a few longer ones answer nearly
all of them, so each is signed once for all gates. Nothing here signs, stores, or reads a clock.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass

from contracts.list_digest import digest_of

KEPT_STEPS = 360
"""An hour of lists, less while many passes are revoked. A gate that was away longer fetches a whole list."""
REACHES = (1, 2, 3, 6, 18, 60, 180, 360)
"""Deltas are signed over so many steps. A gate takes the shortest one that begins at or before its list."""
LARGEST_SHARE = 0.5
"""A delta with more numbers than this share of the list is not worth signing."""
SMALL = 100
"""The share is counted from so many numbers at least."""


@dataclass(frozen=True)
class Step:
    """A signed list, and the numbers that are on either it or the one before, but not on both."""

    seq: int
    digest: str
    changed: tuple[str, ...]


@dataclass(frozen=True)
class Delta:
    """What makes the newest list of any list since ``since``; ``base`` is the digest of that one."""

    since: int
    base: str
    digest: str
    revoked: tuple[str, ...]
    ended: tuple[str, ...]


def add_step(steps: tuple[Step, ...], seq: int, before: Set[str], after: Set[str]) -> tuple[Step, ...]:
    """Return the steps with one more, without those that are too old."""
    step = Step(seq, digest_of(after), tuple(sorted(before ^ after)))
    return (*steps, step)[-KEPT_STEPS - 1 :]


def deltas_of(steps: tuple[Step, ...], revoked: Set[str]) -> Iterator[Delta]:
    """Iterate over the deltas to the newest list, the shortest first.

    Args:
        steps: the newest of them is that of the list.
        revoked: the numbers of the list.
    """
    changed: set[str] = set()
    for reach in range(1, len(steps)):
        changed.update(steps[-reach].changed)
        if len(changed) > LARGEST_SHARE * max(len(revoked), SMALL):
            return
        if reach in REACHES:
            base = steps[-reach - 1]
            yield Delta(
                since=base.seq,
                base=base.digest,
                digest=steps[-1].digest,
                revoked=tuple(sorted(changed & revoked)),
                ended=tuple(sorted(changed - revoked)),
            )
