"""Calls of gates for help, as they ring on the pages of the reception."""

from uuid import UUID

from fastapi import Response

from contracts import rpc
from contracts.rpc.verify.incidents import HelpCallId, HelpQuestion
from services.gateway.caches.changes import event_stream
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.view import ReceptionPage, page_router

router = page_router("/counter")


@router.get("/calls")
async def show_calls(view: ReceptionPage) -> Response:
    """Show which gates call, as a part that a script puts into an open page."""
    found = await view.query(rpc.verify.incidents.HELP_CALLS, HelpQuestion(site=view.principal.site))
    return view.html("counter/calls.html", calls=found.items, gate_name=await directory.gate_names(view))


@router.get("/calls/changes")
async def stream_calls(view: ReceptionPage) -> Response:
    """Send an event whenever a gate calls or somebody answers."""
    return event_stream(view.caller.state.help_calls.of(view.principal))


@router.post("/calls/{call_id}/answer")
async def answer_call(view: ReceptionPage, call_id: UUID) -> Response:
    await view.carry_out(rpc.verify.incidents.ANSWER_HELP, HelpCallId(call_id=call_id))
    return view.to("/counter")
