"""Routes of an applicant, who is known by the mobile that an OTP proved: apply, follow, amend, cancel."""

from fastapi import APIRouter

from contracts import rpc
from contracts.application_form import Amendment
from contracts.rpc.accounts import ApplicantSession
from contracts.rpc.application import (
    Acknowledged,
    AmendApplication,
    ApplicationList,
    ApplicationView,
    LastFour,
    NewMobile,
    OpenApplication,
    ReferenceOnly,
    SubmitApplication,
)
from contracts.rpc.call import Nothing, Page
from services.gateway import mobile_changes, visit_requests
from services.gateway.access import Applicant, IdempotencyKey, rate_limited
from services.gateway.api.parameters import After, Limit, Reference

router = APIRouter(prefix="/api/v1/applications", tags=["applicant"])


@router.post("", status_code=201)
async def submit_application(caller: Applicant, body: SubmitApplication, key: IdempotencyKey) -> Acknowledged:
    """Apply for a visit."""
    return await visit_requests.apply(caller, rpc.application.SUBMIT, body, key)


@router.get("")
async def list_applications(caller: Applicant, after: After = None, limit: Limit = 50) -> ApplicationList:
    """List the applicant's applications, newest first."""
    return await caller.query(rpc.application.LIST_APPLICATIONS, Page(after=after, limit=limit))


@router.get("/{reference}")
async def view_application(caller: Applicant, reference: Reference) -> ApplicationView:
    """Return the status, dated timeline and pass of an application.

    The session that sent it may see it. Any other one opens it first (403 ``not_opened``).
    """
    return await caller.query(rpc.application.VIEW_APPLICATION, ReferenceOnly(reference=reference))


@router.post("/{reference}/open")
async def open_application(
    caller: Applicant, reference: Reference, body: LastFour, key: IdempotencyKey
) -> ApplicationView:
    """Open an application for this session by the last four characters of its ID card, and return it.

    Families share a phone. A mobile has ten wrong tries within an hour.
    """
    request = OpenApplication(reference=reference, id_last4=body.id_last4)
    return await caller.command(rpc.application.OPEN_APPLICATION, request, key)


@router.post("/{reference}/amend")
async def amend_application(
    caller: Applicant, reference: Reference, body: Amendment, key: IdempotencyKey
) -> Acknowledged:
    """Complete an application that the department returned, or request other dates before it has decided."""
    return await visit_requests.amend(caller, AmendApplication(reference=reference, **body.sent()), key)


@router.post("/{reference}/cancel")
async def cancel_application(caller: Applicant, reference: Reference, key: IdempotencyKey) -> Acknowledged:
    """Withdraw an application; a pass that exists is revoked."""
    return await caller.command(rpc.application.CANCEL, ReferenceOnly(reference=reference), key)


@router.post("/{reference}/mobile", dependencies=[rate_limited("otp_verify")])
async def change_mobile(
    caller: Applicant, reference: Reference, body: NewMobile, key: IdempotencyKey
) -> ApplicantSession:
    """Give an application another mobile, to which a code was sent (`POST /otp`); the pass is sent there.

    The session that asks has proved the number before, and has opened the application. Answer: a session of
    the new number, in which it is open. The number before gets a notice.
    """
    return await mobile_changes.change(caller, reference, body, key)


@router.post("/{reference}/resend", status_code=202)
async def resend_message(caller: Applicant, reference: Reference, key: IdempotencyKey) -> Nothing:
    """Send the last message about an application again."""
    return await caller.command(rpc.notify.RESEND, ReferenceOnly(reference=reference), key)
