"""Counts, by the minute, what is refused to people without a login, and adds what was counted to the log.

Anybody can be refused as often as they like, and nothing shrinks the log. So of a minute there is one row for
each block of addresses, call and reason, with how often it happened and some of what it was about: at most
`MOST_ROWS`, then one for all other addresses with their number. Of a sign-in nearly all that was tried is
named, since one password may be tried at many logins. Each process counts for itself and adds its own rows.
One that is killed loses those of its last minute.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.chassis.db import bulk, deferred_writes
from services.chassis.db.database import Database
from services.chassis.db.tables import audit_log
from services.chassis.runtime.logs import logger

log = logger(__name__)
MOST_ROWS = 50
"""Of a minute, before other addresses share a row."""
MOST_OBJECTS = 10
"""So many names of what was asked for are in a row."""
SIGN_IN = {"log_in": 400, "enter_code": 400}
"""So many are where somebody signs in, until all rows of the minute have `MOST_NAMES`."""
MOST_NAMES = 2_000
MOST_MINUTES = 60
"""So many wait for a database that is away."""
TIMES, ADDRESSES = "times:", "addresses:"
"""With a number, among the objects of a row: how often it happened, and from how many other addresses."""
_MEMORY = "refusals"
_KIND = ("actor", "role", "action", "result")


@dataclass
class Tally:
    """What was refused in one minute, of one kind."""

    first: bulk.Row
    block: str = ""
    """Keyed hash of the block in which all of the addresses are."""
    count: int = 0
    objects: dict[str, None] = field(default_factory=dict)
    addresses: set[str] = field(default_factory=set)

    def add(self, row: bulk.Row, most: int) -> None:
        """Count one more, and name what it was about while there are fewer names than ``most``."""
        self.count += 1
        self.addresses.add(row["address"])
        for name in row["objects"][: max(most - len(self.objects), 0)]:
            self.objects[name] = None

    def row(self) -> dict[str, Any]:
        """Return the row of the log."""
        counted = [f"{TIMES}{self.count}"] if self.count > 1 else []
        address = self.first["address"]
        if self.addresses != {address}:
            address = self.block
            counted.append(f"{ADDRESSES}{len(self.addresses)}")
        return {**self.first, "address": address, "objects": [*counted, *self.objects]}


Minutes = dict[int, dict[tuple[str, ...], Tally]]


def count(db: Database, row: bulk.Row, block: str = "") -> None:
    """Count a refusal, whose row it would have been; addresses of one block share a row."""
    minutes: Minutes = db.memory.setdefault(_MEMORY, {})
    kinds = minutes.setdefault(_minute(row["at"]), {})
    block = block or row["address"]
    kind = (*(row[name] for name in _KIND), block)
    if kind not in kinds and len(kinds) >= MOST_ROWS:
        shared = {**row, "actor": "anonymous", "address": "", "correlation_id": ""}
        kind = (*(shared[name] for name in _KIND), "")
        kinds.setdefault(kind, Tally(shared))
    is_full = sum(len(one.objects) for one in kinds.values()) >= MOST_NAMES
    most = MOST_OBJECTS if is_full else SIGN_IN.get(row["action"], MOST_OBJECTS)
    kinds.setdefault(kind, Tally(row, block)).add(row, most)
    if len(minutes) > MOST_MINUTES:
        lost = minutes.pop(min(minutes))
        log.error("refusals are not recorded", count=sum(one.count for one in lost.values()))


def write(db: Database, now: datetime | None = None) -> None:
    """Add the rows of every minute but the present one, or of all without a time: the process ends."""
    minutes: Minutes = db.memory.get(_MEMORY, {})
    while over := sorted(one for one in minutes if now is None or one != _minute(now)):
        kinds = minutes.pop(over[0])
        try:
            insert(db, [one.row() for one in kinds.values()])
        except BaseException:  # also a killed thread: what was counted waits for the next try
            # A late call may have begun this minute again. The number only orders them: the rows have times.
            minutes[over[0] if over[0] not in minutes else min(minutes) - 1] = kinds
            raise


def counted(objects: Sequence[str]) -> tuple[int, int, tuple[str, ...]]:
    """Return how often it happened, from how many other addresses or 0, and the objects of a row."""
    numbers = {
        kind: int(one.removeprefix(kind))
        for one in objects
        for kind in (TIMES, ADDRESSES)
        if one.startswith(kind)
    }
    named = tuple(one for one in objects if not one.startswith((TIMES, ADDRESSES)))
    return numbers.get(TIMES, 1), numbers.get(ADDRESSES, 0), named


def insert(db: Database, rows: Sequence[bulk.Row]) -> None:
    """Add rows to the log, in a transaction of their own."""
    with db.queries() as session:
        deferred_writes.insert(session, audit_log, rows)
        deferred_writes.send(session)


def _minute(at: datetime) -> int:
    return int(at.timestamp() // 60)
