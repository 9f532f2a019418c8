"""The enrolment of a kiosk, and of a screen of a hall, is renewed before it ends."""

from contextlib import suppress
from datetime import timedelta

from fastapi import Response

from contracts import rpc
from contracts.errors import ContractError
from contracts.rpc.call import Nothing
from services.chassis.runtime.clock import now
from services.gateway.access.admission import kiosk_token
from services.gateway.pages.shared import cookies
from services.gateway.pages.shared.view import View

RENEW_BEFORE = timedelta(days=30)
"""So long before its end an enrolment is renewed; accounts allows it a month earlier."""


async def renew(view: View, response: Response) -> None:
    """Give the browser the enrolment of the next year, if this one ends soon; else try at the next visit.

    The key makes all attempts of a day lead to one session.
    """
    device, token = view.kiosk, kiosk_token(view.request)
    if device is None or token is None or device.exp > (now() + RENEW_BEFORE).timestamp():
        return
    caller = view.caller.with_session(device, token)
    with suppress(ContractError):
        renewed = await caller.command(rpc.accounts.sessions.RENEW_KIOSK, Nothing(), f"renew {device.sid}")
        cookies.enrol(response, view.request, renewed.access_token, renewed.expires_at)
