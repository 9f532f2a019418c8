"""Routes for anyone: the directory, a one-time code, the status of an application by its reference."""

from csv import DictWriter
from io import StringIO
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from contracts import rpc
from contracts.model import Code
from contracts.rpc.accounts import ApplicantSession, OtpAccepted, RequestOtp, VerifyOtp
from contracts.rpc.application import StatusQuestion, StatusView
from contracts.rpc.approval import (
    Availability,
    AvailabilityQuestion,
    DepartmentList,
    MonthNumbers,
    OfficerList,
    OfficerQuestion,
    SiteList,
    Transparency,
)
from services.gateway import lookups
from services.gateway.access import Anyone, IdempotencyKey, rate_limited, staff

router = APIRouter(prefix="/api/v1", tags=["anyone"])


@router.get("/sites", dependencies=[rate_limited("read")])
async def list_sites(caller: Anyone) -> SiteList:
    """List sites with their gates, hours and closed days, at most a minute old.

    While approval is down this is the last copy.
    """
    return await caller.state.sites.get()


@router.get("/departments", dependencies=[rate_limited("read")])
async def list_departments(caller: Anyone, closed: bool = False) -> DepartmentList:
    """List departments that receive visitors, at most a minute old; the last copy while approval is down.

    With `closed` also those that receive nobody any more, by which an earlier application is named.
    """
    found = await caller.state.departments.get()
    return DepartmentList(items=tuple(one for one in found.items if closed or not one.closed))


@router.get("/availability", dependencies=[rate_limited("availability")])
async def list_availability(caller: Anyone, department: Code, site: Code) -> Availability:
    """List the days and windows in which a department still takes visitors at a site."""
    question = AvailabilityQuestion(department=department, site=site)
    return await caller.query(rpc.approval.AVAILABILITY, question)


@router.get("/transparency", dependencies=[rate_limited("read")])
async def list_transparency(caller: Anyone) -> Transparency:
    """List how fast each department decided in each month; counts from 1 to 4 are withheld.

    The numbers are at most a quarter of an hour old, or the last copy while approval is down.
    """
    return await caller.state.transparency.get()


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
    found = await caller.query(rpc.approval.OFFICERS, OfficerQuestion(department=department, q=q))
    return OfficerList(items=tuple(one for one in found.items if closed or not one.closed))


@router.post("/otp", status_code=202, dependencies=[rate_limited("otp")])
async def request_otp(caller: Anyone, body: RequestOtp, key: IdempotencyKey) -> OtpAccepted:
    """Send a one-time code to a mobile. Requesting one again within its life repeats the same code."""
    return await caller.command(rpc.accounts.REQUEST_OTP, body, key)


@router.post("/otp/verify", dependencies=[rate_limited("otp_verify")])
async def verify_otp(caller: Anyone, body: VerifyOtp, key: IdempotencyKey) -> ApplicantSession:
    """Return a session to whoever has the code."""
    return await caller.command(rpc.accounts.VERIFY_OTP, body, key)


@router.post("/status", dependencies=[rate_limited("status")])
async def look_up_status(caller: Anyone, body: StatusQuestion) -> StatusView:
    """Return status and timeline of an application, without a name, a purpose or a QR."""
    return await lookups.application_status(caller, body)
