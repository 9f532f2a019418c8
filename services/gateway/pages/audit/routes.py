"""What was decided and scanned, for auditors: by application, by pass, by department and days."""

from fastapi import Response

from contracts import rpc
from contracts.crockford import parse_pass_number, parse_reference
from contracts.errors import NotFound
from contracts.rpc.approval.decisions import DecisionQuestion
from contracts.rpc.issuance import PassNumber
from services.gateway.pages.audit.search import Text, chosen_days, usual_days
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.forms import text_of
from services.gateway.pages.shared.view import AuditorPage, View, page_router

router = page_router("/audit")


@router.get("")
async def show_start(
    view: AuditorPage, department: Text = "", first: Text = "", last: Text = "", after: Text = ""
) -> Response:
    """Ask what to look for, and show the decisions of a department on the days that were chosen."""
    typed = {"department": department, **usual_days(first, last)}
    days, errors = chosen_days(typed)
    found = None
    if not department:
        errors = {}
    elif not errors:
        question = DecisionQuestion(
            department=department, first=days[0], last=days[1], after=after or None, limit=50
        )
        found = await view.query(rpc.approval.decisions.DECISIONS, question)
    return await _start(view, typed, errors, found=found)


@router.get("/search")
async def show_search(view: AuditorPage) -> Response:
    """Lead to the start: a search is sent from there."""
    return view.to("/audit")


@router.post("/search")
async def search(view: AuditorPage) -> Response:
    """Lead to an application or to a pass; both are written in eight characters."""
    q = text_of(await view.form(), "q")
    try:
        if q.upper().startswith("PCS"):
            return view.to(f"/audit/applications/{parse_reference(q)}")
        return view.to(f"/audit/passes/{parse_pass_number(q)}")
    except ValueError:
        typed = {"department": "", **usual_days()}
        return await _start(view, typed, {"q": "neither_reference_nor_pass"}, q=q)


@router.get("/applications/{reference}")
async def show_application(view: AuditorPage, reference: str) -> Response:
    try:
        wanted = parse_reference(reference)
    except ValueError:
        raise NotFound("no such application") from None
    found = await view.query(rpc.approval.decisions.DECISIONS, DecisionQuestion(reference=wanted, limit=200))
    names = await directory.department_names(view)
    return view.html("audit/application.html", reference=wanted, found=found, names=names)


@router.get("/passes/{number}")
async def show_pass(view: AuditorPage, number: str) -> Response:
    try:
        wanted = parse_pass_number(number)
    except ValueError:
        raise NotFound("no such pass") from None
    found = await view.query(rpc.verify.scans.SCAN_HISTORY, PassNumber(number=wanted))
    return view.html("audit/pass.html", found=found)


async def _start(
    view: View, typed: dict[str, str], errors: dict[str, str], *, q: str = "", found: object = None
) -> Response:
    names = await directory.department_names(view)
    status = 422 if errors else 200
    return view.html("audit/start.html", status, names=names, typed=typed, errors=errors, q=q, found=found)
