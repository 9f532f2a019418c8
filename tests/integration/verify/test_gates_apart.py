"""A day of three gates whose networks come and go, through the real handlers on a real database."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import text

from contracts.events import PassIssued
from services.ops.invariants import _INSIDE
from services.verify.domain.ledger import Movement
from tests.contract.gates_apart import DAY, OPENS, Day
from tests.support.factories.verify import (
    MATCHED,
    Gate,
    officer,
    offline_exit,
    offline_scan,
    pass_revoked,
    scan_of,
)
from tests.support.stack.extent import few_of

ANYWHERE = officer(gate=None)
EVENING = OPENS + 2 * DAY


class ServedDay(Day):
    """A day whose scans go to verify, too; it must let in online whom the domain alone lets in."""

    def __init__(self, seed: int, passes: int, gate: Gate) -> None:
        super().__init__(seed, passes)
        self._gate = gate
        self.issued: list[PassIssued] = [self._issue(number) for number in range(passes)]
        self._unrevoked = {one.number for one in self.passes if one.revoked_at is not None}

    def _issue(self, number: int) -> PassIssued:
        terms = self.passes[number].terms
        return self._gate.issue_party(
            terms.party,
            gate=terms.gate,
            entries=terms.entries,
            valid_from=terms.valid_from,
            valid_to=terms.valid_to,
        )

    def _revoke(self, until: Any) -> None:
        for number in sorted(self._unrevoked):
            revoked_at = self.passes[number].revoked_at
            if revoked_at is not None and revoked_at <= until:
                self._gate.handle(pass_revoked(self.issued[number]), at=revoked_at)
                self._unrevoked.remove(number)

    def _record(self, number: int, movement: Movement) -> None:
        super()._record(number, movement)
        if movement.offline:
            return
        self._revoke(movement.at)
        is_entry = movement.direction == "entry"
        asked = scan_of(
            self.issued[number],
            gate=movement.gate,
            direction=movement.direction,
            count=None if movement.uncounted else movement.count,
            nonce=movement.scan.hex,
            id_check=MATCHED if is_entry else None,
        )
        verdict = self._gate.scan(asked, ANYWHERE, at=movement.at).verdict
        assert verdict == ("admit" if is_entry else "exit"), (number, movement)

    def _send(self, gate: str, batch: Sequence[tuple[int, Movement]]) -> None:
        super()._send(gate, batch)
        self._revoke(max(movement.at for _, movement in batch))
        scans = []
        for number, movement in batch:
            make = offline_scan if movement.direction == "entry" else offline_exit
            changes: dict[str, Any] = {
                "gate": gate,
                "count": None if movement.uncounted else movement.count,
                "nonce": movement.scan.hex,
            }
            scans.append(make(self.issued[number], movement.at, **changes))
        items = self._gate.sync(*scans, principal=ANYWHERE, gate=gate, at=EVENING)
        assert all(item.recorded for item in items)


@pytest.mark.parametrize("seed", few_of([0, 8], 1))
def test_no_scan_is_lost_or_invented_and_every_conflict_is_published(seed: int, databases) -> None:
    gate = Gate(databases["verify"])
    day = ServedDay(seed, 150, gate)
    day.run()
    scans = {scan.nonce: scan for scan in gate.scans()}
    walked = {movement.scan.hex: movement for movements in day.walked.values() for movement in movements}
    assert scans.keys() == walked.keys()
    assert {nonce: scan.scanned_at for nonce, scan in scans.items()} == {
        nonce: movement.at for nonce, movement in walked.items()
    }
    counted = {nonce: movement.count for nonce, movement in walked.items() if not movement.uncounted}
    assert {nonce: scan.count for nonce, scan in scans.items() if nonce in counted} == counted
    assert sum("all" in scan.marks for scan in scans.values()) == len(walked) - len(counted) > 20
    published = Counter[str]()
    for found in gate.conflicts():
        published[found["pass_number"]] += found["exposure"]
    conflicts = 0
    for number, issued in enumerate(day.issued):
        inside, excess = day.truth(number)
        conflicts += excess > 0
        assert gate.row(issued).inside == inside
        assert published[issued.pass_number] == sum(one.exposure for one in day.conflicts[number]) >= excess
    assert conflicts > 0
    assert sum("offline" in scan.marks for scan in scans.values()) > 20
    with gate.database.transaction() as session:
        *_, unbalanced, miscounted = session.execute(text(_INSIDE)).one()
    assert (unbalanced, miscounted) == (0, 0)
