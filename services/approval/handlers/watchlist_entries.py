"""Entries of the watchlist: two officers make one, and it ends."""

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from contracts import rpc
from contracts.errors import Conflict, Forbidden, NotFound
from contracts.model import IST, EntryState, Wire
from contracts.rpc.approval.watchlist import EntryId, EntryList, EntryQuestion, EntryView, ProposeEntry
from contracts.rpc.call import Call, Principal
from services.approval.domain import watchlist as rules
from services.approval.handlers import watchlist
from services.approval.handlers.authorization import login_of
from services.approval.models.reviews import ReviewRow
from services.approval.models.watchlist import WatchlistEntryRow, WatchlistMatchRow
from services.chassis.db import locks, pages
from services.chassis.db.database import Database, personal_keys_of
from services.chassis.db.destructive_jobs import Portion
from services.chassis.rpc.idempotency import once

STATES: dict[EntryState, ColumnElement[bool]] = {
    "proposed": WatchlistEntryRow.confirmed_at.is_(None) & WatchlistEntryRow.ended_at.is_(None),
    "active": watchlist.ACTIVE,
    "ended": WatchlistEntryRow.ended_at.is_not(None),
}


def list_entries(request: EntryQuestion, call: Call, session: Session) -> EntryList:
    """Return a page of the entries of a state, the newest first, and how many there are of each.

    Raises:
        Forbidden: as `require_watcher`.
        InvalidInput: ``after`` is not one of our cursors.
    """
    require_watcher(call.principal)
    entry = WatchlistEntryRow
    query = select(entry)
    if request.state is not None:
        query = query.where(STATES[request.state])
    page, following = pages.read(session, query, entry.proposed_at, entry.id, request)
    counts = {
        state: session.scalar(select(func.count()).where(which)) or 0 for state, which in STATES.items()
    }
    return EntryList(items=tuple(view_of(session, row) for (row,) in page), next=following, counts=counts)


def view_entry(request: EntryId, call: Call, session: Session) -> EntryView:
    """Return one entry.

    Raises:
        Forbidden, NotFound: as `_entry`.
    """
    return view_of(session, _entry(session, call.principal, request.entry_id))


def propose_entry(request: ProposeEntry, call: Call, session: Session, now: datetime) -> EntryView:
    """Propose an entry; it holds once another officer has confirmed it.

    Raises:
        Forbidden: as `require_watcher`.
        InvalidInput: as `rules.entry_of`.
    """
    require_watcher(call.principal)

    def effect() -> UUID:
        entry = rules.entry_of(
            request.name,
            request.id_last4,
            request.mobile,
            request.reason,
            request.valid_until,
            now.astimezone(IST).date(),
        )
        entry_id = uuid4()
        row = WatchlistEntryRow(
            id=entry_id,
            sealed=personal_keys_of(session).seal(entry_id, asdict(entry)),
            traits=watchlist.traits_of(session, entry),
            valid_until=request.valid_until,
            proposed_by=login_of(call.principal),
            proposed_at=now,
        )
        session.add(row)
        session.flush()
        return entry_id

    return _command(session, call, rpc.approval.watchlist.PROPOSE_ENTRY.name, request, effect)


def confirm_entry(request: EntryId, call: Call, session: Session, now: datetime) -> EntryView:
    """Confirm an entry of another officer, and mark the visits to come that match it.

    Raises:
        Forbidden, NotFound: as `_entry`.
        Conflict: as `rules.require_confirmable`.
    """

    def effect() -> UUID:
        locks.lock(session, watchlist.CONFIRMING)
        row, by = _entry(session, call.principal, request.entry_id, lock=True), login_of(call.principal)
        rules.require_confirmable(row.stage, by)
        row.confirmed_by, row.confirmed_at = by, now
        session.flush()
        watchlist.mark_coming(session, row, now)
        return row.id

    return _command(session, call, rpc.approval.watchlist.CONFIRM_ENTRY.name, request, effect)


def end_entry(request: EntryId, call: Call, session: Session, now: datetime) -> EntryView:
    """End an entry, or decline a proposed one. Its matches ask for no second officer any more.

    Raises:
        Forbidden, NotFound: as `_entry`; Forbidden too as `require_ado` where the entry is active.
        Conflict: it has ended already.
    """

    def effect() -> UUID:
        row = _entry(session, call.principal, request.entry_id, lock=True)
        if row.ended_at is not None:
            raise Conflict("the entry has ended already", code="entry_ended")
        if row.confirmed_at is not None:
            require_ado(call.principal)
        _end(session, row, login_of(call.principal), now)
        return row.id

    return _command(session, call, rpc.approval.watchlist.END_ENTRY.name, request, effect)


def expired(now: datetime, watchlist_kept_days: int) -> Portion:
    """Return the entries whose last day has passed, and those to be emptied, of all that are not empty."""
    entry = WatchlistEntryRow
    over = entry.ended_at.is_(None) & (entry.valid_until < now.astimezone(IST).date())
    is_there = entry.ended_at.is_(None) | entry.sealed.is_not(None)
    return Portion(entry, is_there, over | (entry.ended_at < now - timedelta(days=watchlist_kept_days)))


def end_expired(session: Session, now: datetime, watchlist_kept_days: int) -> bool:
    """End an entry whose last day has passed, or empty one that ended long ago; return whether one was."""
    entry = WatchlistEntryRow
    row = session.scalars(
        select(entry)
        .where(expired(now, watchlist_kept_days).taken)
        .order_by(entry.id)
        .limit(1)
        .with_for_update(key_share=True, skip_locked=True)
    ).one_or_none()
    if row is None:
        return False
    if row.ended_at is None:
        _end(session, row, None, now)
    else:
        row.sealed, row.traits = None, []
    return True


def renew_all_traits(db: Database, now: datetime) -> None:
    """Let entries be found whose traits another secret or another version made, one batch at a time."""
    last = None
    while True:
        with db.transaction() as session:
            last = renew_traits(session, last, now)
        if last is None:
            return


def renew_traits(session: Session, after: UUID | None, now: datetime) -> UUID | None:
    """Make the traits of up to `watchlist.BATCH` entries by today's secret and rules; mark visits that match.

    Traits that another secret or another version's rules made find nobody. An entry that no key opens keeps
    its own.

    Returns:
        The last entry that was looked at, which is where to go on; None after the last of all.
    """
    locks.lock(session, watchlist.CONFIRMING)
    entry = WatchlistEntryRow
    query = select(entry).where(entry.ended_at.is_(None)).order_by(entry.id).limit(watchlist.BATCH)
    rows = session.scalars(query.where(entry.id > after) if after else query).all()
    renewed = []
    for row in rows:
        content = watchlist.open_entry(session, row)
        traits = row.traits if content is watchlist.UNKNOWN else watchlist.traits_of(session, content)
        if row.traits == traits:
            continue
        row.traits = traits
        renewed.append(row)
    session.flush()
    for row in renewed:
        if row.confirmed_at is not None:
            watchlist.mark_coming(session, row, now)
    return rows[-1].id if rows else None


def _end(session: Session, row: WatchlistEntryRow, by: str | None, now: datetime) -> None:
    row.ended_by, row.ended_at = by, now
    session.flush()
    matched = select(WatchlistMatchRow.review_id).where(WatchlistMatchRow.entry_id == row.id)
    for review in watchlist.locked_reviews(session, ReviewRow.id.in_(matched) & watchlist.coming(now)):
        watchlist.tell_gate(session, review, now)


def require_watcher(principal: Principal) -> None:
    """Raise `Forbidden` unless the principal is of the ADO Branch, or of security and not at a gate."""
    is_officer = principal.role == "ado" or (principal.role == "security" and principal.gate is None)
    if not is_officer or principal.login_id is None:
        raise Forbidden("the watchlist is for the ADO Branch and for officers of security")


def require_ado(principal: Principal) -> None:
    """Raise `Forbidden` unless the ADO Branch lifts what two officers have decided."""
    if principal.role != "ado":
        raise Forbidden("only the ADO Branch ends an active entry or dismisses a firm match", code="ado_only")


def _entry(
    session: Session, principal: Principal, entry_id: UUID, *, lock: bool = False
) -> WatchlistEntryRow:
    """Return an entry.

    Raises:
        Forbidden: as `require_watcher`.
        NotFound: there is no such entry.
    """
    require_watcher(principal)
    query = select(WatchlistEntryRow).where(WatchlistEntryRow.id == entry_id)
    # not the lock of the key: a match that is recorded at the same time needs only the entry's key
    row = session.scalars(query.with_for_update(key_share=True) if lock else query).one_or_none()
    if row is None:
        raise NotFound("there is no such entry")
    return row


def _command(
    session: Session, call: Call, route: str, request: Wire, effect: Callable[[], UUID]
) -> EntryView:
    def answer(entry_id: UUID) -> EntryView:
        return view_of(session, session.get_one(WatchlistEntryRow, entry_id))

    return once(session, call, f"approval.{route}", request, effect, answer, reference=UUID)


def view_of(session: Session, row: WatchlistEntryRow) -> EntryView:
    """Return an entry as officers see it."""
    state: EntryState = "ended" if row.ended_at else "active" if row.confirmed_at else "proposed"
    return EntryView.from_attributes(row, state=state, **asdict(watchlist.open_entry(session, row)))
