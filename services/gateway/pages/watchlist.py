"""The watchlist: propose, confirm and end entries; look at matches, and confirm or dismiss them."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Query, Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Conflict, Forbidden, InvalidInput
from contracts.model import EntryState
from contracts.rpc.approval.watchlist import (
    EntryId,
    EntryQuestion,
    MatchId,
    MatchQuestion,
    ProposeEntry,
    SettleMatch,
)
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.forms import key_of, problems_of, text_of
from services.gateway.pages.shared.view import View, WatcherPage, page_router

router = page_router("/watchlist")
STATES: tuple[EntryState, ...] = ("proposed", "active", "ended")
FIELDS = ("name", "id_last4", "mobile", "reason", "valid_until")
VERBS = {"confirm": rpc.approval.watchlist.CONFIRM_ENTRY, "end": rpc.approval.watchlist.END_ENTRY}
MISSING = {
    "name": "name_missing",
    "reason": "watch_reason_missing",
    "valid_until": "not_a_date",
    "note": "how_known_missing",
}
"""Field → code of its problem where its value cannot be read; any other field is a choice."""
After = Annotated[str, Query(max_length=200)]


@router.get("")
async def show_entries(
    view: WatcherPage, state: EntryState | Literal[""] = "", after: After = ""
) -> Response:
    question = EntryQuestion(state=state or None, after=after or None, limit=50)
    found = await view.query(rpc.approval.watchlist.WATCHLIST, question)
    return view.html("watchlist/entries.html", found=found, state=state, states=STATES)


@router.get("/new")
async def ask_entry(view: WatcherPage) -> Response:
    """Ask for a new entry.

    Raises:
        Forbidden: a guard at a gate.
    """
    if view.principal.gate:
        raise Forbidden("guards at a gate keep no watchlist")
    return view.html("watchlist/new.html", typed={}, errors={})


@router.post("/new")
async def propose_entry(view: WatcherPage) -> Response:
    """Propose an entry and lead to it; otherwise show what is wrong."""
    form = await view.form()
    typed = {name: text_of(form, name) for name in FIELDS}
    try:
        wanted = ProposeEntry.model_validate({name: value or None for name, value in typed.items()})
        made = await view.command(rpc.approval.watchlist.PROPOSE_ENTRY, wanted, key_of(form))
    except (ValidationError, InvalidInput) as error:
        return view.html("watchlist/new.html", 422, typed=typed, errors=problems_of(error, MISSING))
    return view.to(f"/watchlist/entries/{made.id}", notice="proposed")


@router.get("/entries/{entry_id}")
async def show_entry(view: WatcherPage, entry_id: UUID) -> Response:
    entry = await view.query(rpc.approval.watchlist.VIEW_ENTRY, EntryId(entry_id=entry_id))
    return view.html("watchlist/entry.html", entry=entry)


@router.post("/entries/{entry_id}")
async def decide_entry(view: WatcherPage, entry_id: UUID) -> Response:
    form = await view.form()
    notice = "confirm" if text_of(form, "verb") == "confirm" else "end"
    try:
        await view.command(VERBS[notice], EntryId(entry_id=entry_id), key_of(form))
    except Conflict as error:
        notice = error.body.code
    return view.to(f"/watchlist/entries/{entry_id}", notice=notice)


@router.get("/matches")
async def show_matches(view: WatcherPage, which: Literal["all", ""] = "", after: After = "") -> Response:
    question = MatchQuestion(open=not which, after=after or None, limit=50)
    found = await view.query(rpc.approval.watchlist.MATCHES, question)
    return view.html(
        "watchlist/matches.html", found=found, which=which, place_names=await directory.place_names(view)
    )


@router.get("/matches/{match_id}")
async def show_match(view: WatcherPage, match_id: UUID) -> Response:
    """Show a person beside the entry that they match."""
    return await _match(view, match_id, {}, {})


@router.post("/matches/{match_id}")
async def settle_match(view: WatcherPage, match_id: UUID) -> Response:
    form = await view.form()
    typed = {name: text_of(form, name) for name in ("settled_as", "note")}
    notice = "settled"
    try:
        wanted = SettleMatch.model_validate({"match_id": match_id, **typed})
        await view.command(rpc.approval.watchlist.SETTLE_MATCH, wanted, key_of(form))
    except ValidationError as error:
        return await _match(view, match_id, typed, problems_of(error, MISSING), 422)
    except Conflict as error:
        notice = error.body.code
    return view.to(f"/watchlist/matches/{match_id}", notice=notice)


async def _match(
    view: View, match_id: UUID, typed: dict[str, str], errors: dict[str, str], status: int = 200
) -> Response:
    match = await view.query(rpc.approval.watchlist.VIEW_MATCH, MatchId(match_id=match_id))
    names = await directory.place_names(view)
    return view.html(
        "watchlist/match.html", status, match=match, typed=typed, errors=errors, place_names=names
    )
