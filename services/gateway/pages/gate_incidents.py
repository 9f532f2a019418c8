"""Incidents at gates, for operations and for security of the site: what happened, and who has seen it."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Response

from contracts import rpc
from contracts.rpc.verify.incidents import IncidentId, IncidentKind, IncidentQuestion
from services.gateway.access import callers
from services.gateway.access.admission import Access
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.view import Pages, View, page_router

router = page_router("")
Kind = IncidentKind | Literal[""]
"""The filter of the list; empty admits all."""


def _add(base: str, reader: Access) -> None:
    """Add the pages of some readers: verify shows security its own site only."""

    @router.get(base)
    async def show_incidents(
        view: Annotated[View, Depends(Pages(reader))], kind: Kind = "", unseen: bool = False, after: str = ""
    ) -> Response:
        question = IncidentQuestion(kind=kind or None, unseen=unseen, after=after or None, limit=50)
        found = await view.query(rpc.verify.incidents.INCIDENTS, question)
        name = await directory.gate_names(view)
        shown = {"found": found, "base": base, "kind": kind, "unseen": unseen, "gate_name": name}
        return view.html("gate_incidents/list.html", **shown)

    @router.post(f"{base}/{{incident_id}}/seen")
    async def note_incident(view: Annotated[View, Depends(Pages(reader))], incident_id: UUID) -> Response:
        await view.carry_out(rpc.verify.incidents.NOTE_INCIDENT, IncidentId(incident_id=incident_id))
        return view.to(base)


_add("/gate/incidents", callers.guard_on_page)
_add("/ops/gate-incidents", callers.ops)
