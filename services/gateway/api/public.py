"""Routes for anyone that are answered from a copy of the gateway, or by more than one call."""

from csv import DictWriter
from io import StringIO
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from contracts import rpc
from contracts.model import Code
from contracts.rpc.approval.directory import DepartmentList, OfficerList, OfficerQuestion, SiteList
from contracts.rpc.approval.numbers import MonthNumbers, Transparency
from contracts.rpc.call import Nothing
from contracts.rpc.notify import SentMessage
from services.gateway.access.admission import Caller, rate_limited
from services.gateway.access.callers import Anyone, staff
from services.gateway.api.declared import answers
from services.gateway.handlers import lookups

router = APIRouter(prefix="/api/v1", tags=["anyone"])
local = APIRouter(prefix="/dev", include_in_schema=False)
"""In local mode only."""


@router.get("/departments", dependencies=[rate_limited("read")])
async def list_departments(caller: Anyone, closed: bool = False) -> DepartmentList:
    """List departments that receive visitors, at most a minute old; the last copy while approval is down.

    With `closed` also those that receive nobody any more, or not yet, by which an earlier application is
    named.
    """
    found = await caller.state.departments.get()
    offered = (one for one in found.items if closed or not (one.closed or one.unstaffed))
    return DepartmentList(items=tuple(offered))


@router.get("/officers", dependencies=[rate_limited("read")])
async def list_officers(
    request: Request,
    caller: Anyone,
    department: Code,
    q: Annotated[str, Query(max_length=100)] = "",
    closed: bool = False,
) -> OfficerList:
    """List officers of a department whose name or designation contains `q`, and who receive visitors.

    With `closed` also those who receive nobody any more; this needs a session of staff.
    """
    if closed:
        await staff.caller_of(request)
    found = await caller.query(rpc.approval.directory.OFFICERS, OfficerQuestion(department=department, q=q))
    return OfficerList(items=tuple(one for one in found.items if closed or not one.closed))


@router.get(
    "/transparency.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}}},
    dependencies=[rate_limited("read")],
)
async def view_transparency_csv(caller: Anyone) -> Response:
    """Return the same numbers as CSV with a line of names; what is withheld is empty."""
    found = await caller.state.transparency.get()
    names = tuple(MonthNumbers.model_fields)
    lines = StringIO(newline="")
    writer = DictWriter(lines, names)
    writer.writeheader()
    writer.writerows({"department": "all"} | one.model_dump(exclude_none=True) for one in found.items)
    return Response(lines.getvalue(), media_type="text/csv")


@answers(router, rpc.approval.directory.SITES)
async def list_sites(caller: Caller, _request: Nothing) -> SiteList:
    """Return the copy of the sites."""
    return await caller.state.sites.get()


@answers(router, rpc.approval.numbers.TRANSPARENCY)
async def list_transparency(caller: Caller, _request: Nothing) -> Transparency:
    """Return the copy of the numbers."""
    return await caller.state.transparency.get()


answers(router, rpc.application.STATUS)(lookups.application_status)
answers(router, rpc.requests.REQUEST_STATUS)(lookups.request_status)


@local.get("/messages", dependencies=[rate_limited("read")])
async def list_messages(caller: Anyone, to: Annotated[str, Query(max_length=40)]) -> tuple[SentMessage, ...]:
    """Return what the ``local`` channel has "sent" to a phone, as the page of ``pages/phone.py``."""
    return await lookups.local_messages(caller, "to", to)
