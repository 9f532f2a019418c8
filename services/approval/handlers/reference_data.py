"""What rarely changes and every visit is checked against, kept in the memory of each process.

These are the directory, the capacities, the closed days, the delegations and the traits of the watchlist. A
trigger on their tables changes the version in the transaction of each change (`_versions` of the first
migration), so whoever reads the version, in any process, learns at once whether its copy still holds. The
version is read with `VERSION` in a statement that is sent anyway, after the locks that keep what it stands
for as it is.

Whoever changes a table of these reads its rows, not the copy.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TypeVar, cast

from sqlalchemy import Text, func, literal, select
from sqlalchemy import cast as as_type
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from contracts.capacity import Capacity
from contracts.events import DepartmentRecord, SiteRecord
from contracts.model import IST
from contracts.rpc.approval.closures import ClosedDate
from contracts.rpc.call import Principal
from services.approval.domain.delegations import Delegation
from services.approval.handlers import directory
from services.approval.models.directory import ReferenceVersionRow
from services.approval.models.reviews import CapacityRow, ClosureRow, DelegationRow
from services.approval.models.watchlist import WatchlistEntryRow
from services.chassis.db.database import memory_of

K = TypeVar("K")
V = TypeVar("V")
MOST_WATCHED = 20_000
"""Traits of the watchlist that are kept in memory; of more, the database is asked each time."""
_token = as_type(ReferenceVersionRow.token, Text)
VERSION = select(func.string_agg(_token, aggregate_order_by(literal(","), _token))).scalar_subquery()
"""The version of what is kept here, as a statement sees it."""
_MEMORY = "reference data"


@dataclass(frozen=True)
class ReferenceData:
    """What held when it was read, and holds as long as the version is the same.

    Attributes:
        version: None where nothing was ever changed; then it is not kept.
        since: the first day of the closed days and delegations that are here.
        sites: by code.
        departments: by code.
        capacities: of the departments that have one.
        watched: the digests of the traits of all active entries of the watchlist; None where they are too
            many.
    """

    version: str | None
    since: date
    sites: Mapping[str, SiteRecord]
    departments: Mapping[str, DepartmentRecord]
    capacities: Mapping[str, Capacity]
    watched: frozenset[str] | None
    _closed: Mapping[str, tuple[ClosedDate, ...]]
    _delegations: Mapping[tuple[str, str], tuple[Delegation, ...]]

    def closed_days(self, department: str, first: date, last: date = date.max) -> tuple[ClosedDate, ...]:
        """Return the days that a department closed, from the first to the last, in their order.

        Days before ``since`` are not here.
        """
        return tuple(one for one in self._closed.get(department, ()) if first <= one.day <= last)

    def held_by(self, principal: Principal, now: datetime) -> list[Delegation]:
        """Return the delegations to a principal that hold now, the oldest first."""
        of_login = self._delegations.get((principal.department or "", principal.login_id or ""), ())
        return [one for one in of_login if one.in_force(now)]


def current(session: Session, day: date, version: str | None = None) -> ReferenceData:
    """Return what holds now: from memory, or read again where it has changed.

    Args:
        day: the first day that matters; it is rarely before today.
        version: what a statement of this transaction returned for `VERSION`; without it, it is read now.
    """
    version = version or _version(session)
    memory = memory_of(session)
    kept = cast(ReferenceData | None, memory.get(_MEMORY))
    if kept is not None and kept.version == version and kept.since <= day:
        return kept
    found = _read(session, day, version)
    if version is not None and _version(session) == version:  # else one of the statements saw a change
        memory[_MEMORY] = found
    return found


def _version(session: Session) -> str | None:
    return session.scalar(select(VERSION))


def _read(session: Session, day: date, version: str | None) -> ReferenceData:
    stored = directory.directory(session)
    capacities = session.execute(select(CapacityRow.department, CapacityRow.content))
    row, held = ClosureRow, DelegationRow
    closed = session.execute(
        select(row.department, row.day, row.reason)
        .where(row.lifted_at.is_(None), row.day >= day)
        .order_by(row.day)
    )
    # A process of a newer release may have stored settings that this one does not know.
    known = ((department, content) for department, content in capacities if content)
    ends_later = (held.ended_at.is_(None), held.ends > datetime.combine(day, time(), IST))
    delegations = session.scalars(select(held).where(*ends_later).order_by(held.made_at))
    return ReferenceData(
        version,
        day,
        stored.sites,
        stored.departments,
        {department: Capacity.model_validate(content, extra="ignore") for department, content in known},
        _watched(session),
        _grouped((department, ClosedDate(day=day, reason=reason)) for department, day, reason in closed),
        _grouped(((one.department, one.login), one.as_domain()) for one in delegations),
    )


def _watched(session: Session) -> frozenset[str] | None:
    entry = WatchlistEntryRow
    active = (entry.confirmed_at.is_not(None), entry.ended_at.is_(None))
    traits = session.scalars(select(func.unnest(entry.traits)).where(*active).limit(MOST_WATCHED + 1)).all()
    return frozenset(traits) if len(traits) <= MOST_WATCHED else None


def _grouped(pairs: Iterable[tuple[K, V]]) -> Mapping[K, tuple[V, ...]]:
    groups: defaultdict[K, list[V]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return {key: tuple(values) for key, values in groups.items()}
