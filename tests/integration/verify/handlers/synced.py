"""Scans that gates send when they are back."""

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from contracts.rpc.verify.offline_scans import SyncedScan
from services.ops.invariants import _INSIDE
from tests.support.factories.verify import NOON, Gate, officer

OTHER_GATE, MINUTE, DAY = "PCS1-G2", timedelta(minutes=1), timedelta(days=1)


ANYWHERE = officer(gate=None)
"""A login that may stand at any gate of the site."""


SECOND = officer(gate=OTHER_GATE, login_id="SEC-0002")


LATER = NOON + timedelta(minutes=40)
"""When the gates are online again."""


def sync_at_other(gate: Gate, *scans: Any, at: Any = LATER) -> tuple[SyncedScan, ...]:
    """Send scans of the second gate, by its own login."""
    return gate.sync(*scans, principal=SECOND, gate=OTHER_GATE, at=at)


def outcomes(items: tuple[SyncedScan, ...]) -> list[tuple[str | None, bool, str | None]]:
    return [(item.verdict, item.conflict, item.problem) for item in items]


def is_balanced(gate: Gate) -> bool:
    """Return whether for each pass the entries are the exits and those inside."""
    with gate.database.transaction() as session:
        *_, unbalanced, miscounted = session.execute(text(_INSIDE)).one()
    return not unbalanced and not miscounted


def found(gate: Gate) -> list[tuple[str, str | None]]:
    """Return the kinds of the incidents, each with its detail."""
    with gate.database.transaction() as session:
        rows = session.execute(text("select kind, detail from gate_incidents order by kind, detail"))
        return [(row.kind, row.detail) for row in rows]
