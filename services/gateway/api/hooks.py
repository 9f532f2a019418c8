"""Webhooks of the vendors that send messages: handed to notify as they came.

The gateway has no secret of a vendor, and does not read the body. A vendor repeats what is not answered with
200, so a fault of ours loses nothing.
"""

from base64 import b64encode
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from contracts import rpc
from contracts.errors import InvalidInput, NotAuthenticated, NotFound
from contracts.rpc.notify import PROVING_HEADERS, VENDORS, WEBHOOK_HEADERS, Webhook, WebhookChallenge
from services.gateway.access.admission import rate_limited
from services.gateway.access.callers import Vendor

router = APIRouter(prefix="/hooks", tags=["machines"], include_in_schema=False)
Name = Annotated[str, Path(pattern=r"^[a-z0-9_]{1,40}$")]
ASKED = ("hub.mode", "hub.verify_token", "hub.challenge")
"""What Meta asks with; anything else is not handed on."""
SHARE = 2
"""How many digits of its keyed hash name the strangers with whom an address shares a limit."""
LONGEST = 500
"""As `WebhookChallenge` has it."""


@router.post("/{vendor}", dependencies=[rate_limited("hook")])
async def receive_webhook(caller: Vendor, vendor: Name, request: Request) -> Response:
    """Store what a vendor tells of its messages; 401 for what it did not sign.

    Who proves nothing, and whoever sends too much, is refused here: notify would have to check each request.
    What strangers send as a vendor takes nothing from addresses at which notify has found its signature, and
    little from others: one webhook of a new address that gets through makes it known.
    """
    headers = {name: request.headers[name] for name in WEBHOOK_HEADERS if name in request.headers}
    _require_known(vendor)
    if headers.keys().isdisjoint(PROVING_HEADERS):
        raise NotAuthenticated("a vendor proves who it is")
    sender = (vendor, caller.address)
    if sender in caller.state.proved_vendors:
        await caller.hit("hook_anywhere", vendor)
    else:
        await _hit_as_stranger(caller, vendor)
    webhook = Webhook(vendor=vendor, headers=headers, body=b64encode(await request.body()))
    await caller.command(rpc.notify.RECEIVE_WEBHOOK, webhook)
    caller.state.proved_vendors.add(sender)
    return Response()


@router.get("/{vendor}", dependencies=[rate_limited("hook")])
async def answer_challenge(caller: Vendor, vendor: Name, request: Request) -> Response:
    """Answer the question by which a vendor finds out whether this address takes its webhooks."""
    _require_known(vendor)
    await _hit_as_stranger(caller, vendor)
    given = {name: request.query_params[name] for name in ASKED if name in request.query_params}
    if any(len(value) > LONGEST for value in given.values()):
        raise InvalidInput("no vendor asks so much")
    question = WebhookChallenge(vendor=vendor, query=given)
    answer = await caller.query(rpc.notify.WEBHOOK_CHALLENGE, question)
    return Response(answer.text, media_type="text/plain")


def _require_known(vendor: str) -> None:
    if vendor not in VENDORS:
        raise NotFound("there is no such webhook")


async def _hit_as_stranger(caller: Vendor, vendor: str) -> None:
    await caller.hit("hook_strangers", vendor, caller.block[:SHARE])
