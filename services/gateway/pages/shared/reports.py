"""The report of the exporter: without old looks, and what it says of the vendors of messages.

Each sender says for itself whether it leaves a vendor alone, and what the vendor still takes today. What a
vendor has told of messages stands in the database of notify. So each half may be unknown without the other.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from contracts.ops import BREAKERS, Breaker, OutboxView, Part, ReceiptView, Report, VendorView

OLD_LOOK_SECONDS = 600
Seen = TypeVar("Seen", Part[Any], OutboxView)
NO_VENDORS = frozenset({"none", "local"})
"""Names of channels behind which no vendor is."""


@dataclass(frozen=True)
class Vendor:
    """One vendor. What nobody knows is None."""

    provider: str
    breaker: Breaker | None
    """The worst that a sender says."""
    quota: int | None
    """Messages that it takes within a day, where it has such a limit."""
    used: int | None
    """How many of them it was given."""
    accepted: int
    told: int
    last_receipt_at: datetime | None


@dataclass(frozen=True)
class Vendors:
    """All vendors, and which half of what they show is known."""

    items: tuple[Vendor, ...] = ()
    are_known: bool = False
    receipts_are_known: bool = False


def vendors_of(report: Report | None) -> Vendors:
    """Return the vendors of a report without old looks; nothing is known where the exporter is silent."""
    if report is None:
        return Vendors()
    senders = [one for one in report.processes.items if one.name == "sender" and one.state != "no_answer"]
    said = [view for one in senders for view in one.vendors] if report.processes.answers else []
    told = {one.provider: one for one in report.receipts.items} if report.receipts.answers else {}
    names = ({one.provider for one in said} | told.keys()) - NO_VENDORS
    return Vendors(
        items=tuple(
            _vendor(name, [one for one in said if one.provider == name], told.get(name))
            for name in sorted(names)
        ),
        are_known=report.processes.answers and bool(senders),
        receipts_are_known=report.receipts.answers,
    )


def _vendor(name: str, said: list[VendorView], told: ReceiptView | None) -> Vendor:
    states = [one.breaker for one in said if one.breaker is not None]
    days = [(one.quota, one.quota_left) for one in said if one.quota is not None]
    left = [left for _, left in days if left is not None]
    quota = max((limit for limit, _ in days), default=None)
    return Vendor(
        provider=name,
        breaker=max(states, key=BREAKERS.index, default=None),
        quota=quota,
        used=max(quota - min(left), 0) if quota is not None and left else None,
        accepted=told.accepted if told else 0,
        told=told.told if told else 0,
        last_receipt_at=told.last_at if told else None,
    )


def doubt_old_looks(report: Report) -> Report:
    """Return the report with no answer from what was looked at too long ago, though it answered then."""
    oldest = report.at - timedelta(seconds=OLD_LOOK_SECONDS)

    def doubt(one: Seen) -> Seen:
        is_recent = one.looked_at is not None and one.looked_at > oldest
        return one.model_copy(update={"answers": one.answers and is_recent})

    parts = ("processes", "queues", "channels", "lanes", "receipts", "gates", "invariants")
    return report.model_copy(
        update={
            "outboxes": tuple(map(doubt, report.outboxes)),
            **{name: doubt(getattr(report, name)) for name in parts},
        }
    )
