"""Routes that ask for a visit or change it, where more is to be looked at than one service knows."""

from typing import Annotated

from fastapi import APIRouter, Path

from contracts import rpc
from contracts.rpc.accounts.sessions import ApplicantSession
from contracts.rpc.application import (
    Acknowledged,
    AmendApplication,
    NewMobile,
    NewMobileAtCounter,
    Reference,
    SubmitApplication,
    SubmitAtCounter,
)
from services.gateway.access.admission import Caller, rate_limited
from services.gateway.access.callers import Applicant, Reception
from services.gateway.access.idempotency_keys import IdempotencyKey
from services.gateway.api.declared import answers
from services.gateway.handlers import mobile_changes, visit_requests

router = APIRouter()
InPath = Annotated[Reference, Path(description="Such as `PCS-7K3M-9QW4`; case and hyphens do not matter.")]


@answers(router, rpc.application.SUBMIT)
async def submit(caller: Caller, request: SubmitApplication, key: str) -> Acknowledged:
    """Apply, with what else is wrong with the wishes."""
    return await visit_requests.apply(caller, rpc.application.SUBMIT, request, key)


@answers(router, rpc.application.SUBMIT_AT_COUNTER)
async def submit_at_counter(caller: Caller, request: SubmitAtCounter, key: str) -> Acknowledged:
    """Do the same at the counter of the operator's site."""
    caller.require_site(request.site)
    return await visit_requests.apply(caller, rpc.application.SUBMIT_AT_COUNTER, request, key)


@answers(router, rpc.application.AMEND)
async def amend(caller: Caller, request: AmendApplication, key: str) -> Acknowledged:
    """Amend, with what else is wrong with the wishes."""
    return await visit_requests.amend(caller, request, key)


answers(router, rpc.application.INVITE)(visit_requests.invite)


@router.post(
    "/api/v1/applications/{reference}/mobile", tags=["applicant"], dependencies=[rate_limited("otp_verify")]
)
async def change_mobile(
    caller: Applicant, reference: InPath, body: NewMobile, key: IdempotencyKey
) -> ApplicantSession:
    """Give an application another mobile, to which a code was sent (`POST /otp`); the pass is sent there.

    The session that asks has proved the number before, and has opened the application. Answer: a session of
    the new number, in which it is open. The number before gets a notice.
    """
    return await mobile_changes.change(caller, reference, body, key)


@router.post(
    "/api/v1/counter/applications/{reference}/mobile",
    tags=["reception"],
    dependencies=[rate_limited("otp_verify")],
)
async def change_mobile_at_counter(
    caller: Reception, reference: InPath, body: NewMobileAtCounter, key: IdempotencyKey
) -> Acknowledged:
    """Give an application of this site another mobile, for a visitor whose number was wrong or is lost.

    The operator has seen the ID card, and the visitor has entered the code that came to the new number
    (`POST /otp`). It is a code that signs in, so nobody asks the visitor to say it.
    """
    return await mobile_changes.change_at_counter(caller, reference, body, key)
