"""Incidents at gates, for operations and for security of the site: what happened, and who has seen it."""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Response

from contracts import rpc
from contracts.rpc.verify.incidents import IncidentId, IncidentKind, IncidentQuestion
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.error_pages import PageRoute
from services.gateway.pages.shared.view import OpsPage, SecurityPage, View, key_of

router = APIRouter(prefix="/{language:lang}", include_in_schema=False, route_class=PageRoute)
OF_SECURITY, OF_OPERATIONS = "/gate/incidents", "/ops/gate-incidents"
Kind = IncidentKind | Literal[""]
"""The filter of the list; empty admits all."""


@router.get("/gate/incidents")
async def show_incidents(
    view: SecurityPage, kind: Kind = "", unseen: bool = False, after: str = ""
) -> Response:
    """Show security what happened at the gates of its site."""
    return await _list(view, OF_SECURITY, kind, unseen, after)


@router.post("/gate/incidents/{incident_id}/seen")
async def note_incident(view: SecurityPage, incident_id: UUID) -> Response:
    """Note that security has seen an incident."""
    return await _note(view, OF_SECURITY, incident_id)


@router.get("/ops/gate-incidents")
async def show_all_incidents(
    view: OpsPage, kind: Kind = "", unseen: bool = False, after: str = ""
) -> Response:
    """Show operations what happened at the gates of all sites."""
    return await _list(view, OF_OPERATIONS, kind, unseen, after)


@router.post("/ops/gate-incidents/{incident_id}/seen")
async def note_any_incident(view: OpsPage, incident_id: UUID) -> Response:
    """Note that operations has seen an incident."""
    return await _note(view, OF_OPERATIONS, incident_id)


async def _list(view: View, base: str, kind: str, unseen: bool, after: str) -> Response:
    question = IncidentQuestion.model_validate(
        {
            "kind": kind or None,
            "unseen": unseen,
            "after": after or None,
            "limit": 50,
        }
    )
    found = await view.caller.query(rpc.verify.incidents.INCIDENTS, question)
    return view.html(
        "gate_incidents/list.html",
        found=found,
        base=base,
        kind=kind,
        unseen=unseen,
        gate_name=await directory.gate_names(view),
    )


async def _note(view: View, base: str, incident_id: UUID) -> Response:
    key = key_of(await view.form())
    await view.caller.command(rpc.verify.incidents.NOTE_INCIDENT, IncidentId(incident_id=incident_id), key)
    return view.to(base)
