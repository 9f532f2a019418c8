"""Routes of the watchlist, for the ADO Branch and for security: entries, and their matches."""

from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from contracts import rpc
from contracts.model import EntryState, MatchSettlement, Strict
from contracts.rpc.approval import (
    EntryId,
    EntryList,
    EntryQuestion,
    EntryView,
    MatchId,
    MatchList,
    MatchQuestion,
    MatchView,
    ProposeEntry,
    SettleMatch,
)
from services.gateway.access import IdempotencyKey, Watcher
from services.gateway.api.parameters import After, Limit

router = APIRouter(prefix="/api/v1/watchlist", tags=["watchlist"])


class Settlement(Strict):
    """Whether it is the person of the entry, and how that is known."""

    settled_as: MatchSettlement
    note: str = Field(min_length=1, max_length=500)


@router.get("/entries")
async def list_watchlist(
    caller: Watcher, state: EntryState | None = None, after: After = None, limit: Limit = 50
) -> EntryList:
    """List entries, the newest first; `counts` says how many there are of each state."""
    return await caller.query(rpc.approval.WATCHLIST, EntryQuestion(state=state, after=after, limit=limit))


@router.post("/entries", status_code=201)
async def propose_watchlist_entry(caller: Watcher, body: ProposeEntry, key: IdempotencyKey) -> EntryView:
    """Propose an entry; it holds once another officer has confirmed it."""
    return await caller.command(rpc.approval.PROPOSE_ENTRY, body, key)


@router.get("/entries/{entry_id}")
async def view_watchlist_entry(caller: Watcher, entry_id: UUID) -> EntryView:
    """Show one entry."""
    return await caller.query(rpc.approval.VIEW_ENTRY, EntryId(entry_id=entry_id))


@router.post("/entries/{entry_id}/confirm")
async def confirm_watchlist_entry(caller: Watcher, entry_id: UUID, key: IdempotencyKey) -> EntryView:
    """Confirm an entry that another officer proposed."""
    return await caller.command(rpc.approval.CONFIRM_ENTRY, EntryId(entry_id=entry_id), key)


@router.post("/entries/{entry_id}/end")
async def end_watchlist_entry(caller: Watcher, entry_id: UUID, key: IdempotencyKey) -> EntryView:
    """End an entry, or decline a proposed one."""
    return await caller.command(rpc.approval.END_ENTRY, EntryId(entry_id=entry_id), key)


@router.get("/matches")
async def list_watchlist_matches(
    caller: Watcher,
    open: bool = True,  # noqa: A002  the name of a query parameter
    after: After = None,
    limit: Limit = 50,
) -> MatchList:
    """List matches of applications, the newest first; by default those that nobody has settled."""
    return await caller.query(rpc.approval.MATCHES, MatchQuestion(open=open, after=after, limit=limit))


@router.get("/matches/{match_id}")
async def view_watchlist_match(caller: Watcher, match_id: UUID) -> MatchView:
    """Show a person of an application beside the entry that they match."""
    return await caller.query(rpc.approval.VIEW_MATCH, MatchId(match_id=match_id))


@router.post("/matches/{match_id}/settle")
async def settle_watchlist_match(
    caller: Watcher, match_id: UUID, body: Settlement, key: IdempotencyKey
) -> MatchView:
    """Confirm or dismiss a match, with the reason."""
    wanted = SettleMatch(match_id=match_id, settled_as=body.settled_as, note=body.note)
    return await caller.command(rpc.approval.SETTLE_MATCH, wanted, key)
