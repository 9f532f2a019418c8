"""Routes of the gate: scan a pass, list who is inside; what its app needs to go on alone, and what it did.

The app works on enrolled devices (`services/gateway/access/gate_devices.py`).
"""

import re
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse

from contracts import rpc
from contracts.errors import Forbidden, InvalidInput, NotAuthenticated, Unavailable
from contracts.model import Code, site_of
from contracts.rpc.accounts.gate_devices import EnrolGateDevice, GateDeviceEnrolled, GateDeviceReport
from contracts.rpc.accounts.sessions import LogIn
from contracts.rpc.call import Nothing
from contracts.rpc.verify.incidents import CallForHelp, HelpCall
from contracts.rpc.verify.manifests import GateSession, Manifest, ManifestQuestion
from contracts.rpc.verify.offline_scans import SyncedScans, SyncScans
from contracts.rpc.verify.presence import InsideList, InsideQuestion
from contracts.rpc.verify.scans import ScanPass, ScanResult
from services.gateway.access.admission import Caller
from services.gateway.access.callers import GuardOnDevice, Security
from services.gateway.access.gate_devices import (
    enrol,
    is_still_admitted,
    offline_gates,
    renew,
    require_gate,
    storage_half_of,
)
from services.gateway.access.idempotency_keys import IdempotencyKey
from services.gateway.api.declared import answers
from services.gateway.caches.gate_news import News
from services.gateway.caches.polled_replies import NOT_BUFFERED, STREAM_SECONDS
from services.gateway.metrics import GATE_LISTS

router = APIRouter(prefix="/api/v1", tags=["security"])
_CODE = re.compile(r"(?P<device>[A-Za-z]{3}-[0-9A-Za-z]{4,9})-(?P<token>[A-Za-z0-9-]{1,80})")
_CODE_REFUSED = {"token_used": "code_used", "initial_password_expired": "code_expired"}
"""The problem of a code, by the refusal of accounts."""


@answers(router, rpc.verify.scans.SCAN)
async def scan_pass(caller: Caller, request: ScanPass) -> ScanResult:
    """Scan, at the guard's gate."""
    _require_gate(caller, request.gate)
    return await caller.command(rpc.verify.scans.SCAN, request)


@answers(router, rpc.verify.offline_scans.SYNC)
async def sync_scans(caller: Caller, request: SyncScans, response: Response) -> SyncedScans:
    """Send the scans of a gate of the guard's site."""
    caller.require_site(site_of(request.gate))
    await caller.hit("sync", caller.principal.id)
    synced = await caller.command(rpc.verify.offline_scans.SYNC, request)
    if synced.retry_after is not None:
        response.headers["Retry-After"] = str(synced.retry_after)
    return synced


@answers(router, rpc.verify.presence.INSIDE)
async def list_inside(caller: Caller, request: InsideQuestion) -> InsideList:
    """List who is inside the guard's site, and its gates of which the server may lack scans."""
    caller.require_site(request.site)
    found = await caller.query(rpc.verify.presence.INSIDE, request)
    if request.after is not None:
        return found
    return found.model_copy(update={"offline_gates": await offline_gates(caller, request.site)})


@answers(router, rpc.verify.incidents.CALL_HELP)
async def call_help(caller: Caller, request: CallForHelp, key: str) -> HelpCall:
    """Call for help from the guard's gate."""
    _require_gate(caller, request.gate)
    return await caller.command(rpc.verify.incidents.CALL_HELP, request, key)


def _require_gate(caller: Caller, gate: str) -> None:
    """Raise `Forbidden` if the guard's login is for another site, or their device for another gate."""
    caller.require_site(site_of(gate))
    require_gate(caller, gate)


@router.get("/gate/session")
async def view_gate_session(caller: GuardOnDevice) -> GateSession:
    """Return who is signed in, at which gate, and until when.

    `until` is when this session's token expires. A session that is not used ends sooner. On an enrolled
    device the gate is the device's.
    """
    who, ends, device = caller.principal, caller.session_ends, caller.gate_device
    if who.login_id is None or who.site is None or ends is None:
        raise NotAuthenticated("the session is of no site")
    gates: tuple[str, ...] = ()
    with suppress(Unavailable):  # the session counts also while the directory is down
        sites = (await caller.state.sites.get()).items
        gates = next((site.gates for site in sites if site.code == who.site), ())
    return GateSession(
        login=who.login_id,
        site=who.site,
        gate=who.gate if device is None else device.gate,
        gates=gates,
        until=ends,
        device=who.gate_device,
        storage_half=storage_half_of(device, caller.state),
    )


@router.post("/gate/device")
async def enrol_gate_device(
    caller: Security, body: EnrolGateDevice, response: Response, key: IdempotencyKey
) -> GateDeviceEnrolled:
    """Enrol this browser as the device of a gate. The ADO Branch issues the code, which works once.

    The cookie `gate_device` is the device's credential. A code that is not accepted is the problem of `code`:
    `code_wrong`, `code_used` or `code_expired`.
    """
    device_id, token = _read_code(body.code)
    try:
        asked = LogIn(login_id=device_id, password=token)
        # One key is of one browser: a repeat from another one, by the same login, is no repeat.
        own_key = f"{caller.principal.sid} {key}"
        device = await caller.command(rpc.accounts.gate_devices.ENROL_GATE_DEVICE, asked, own_key)
    except NotAuthenticated as error:
        raise InvalidInput.of("code", _CODE_REFUSED.get(error.body.code, "code_wrong")) from None
    enrol(response, caller.state, device)
    return GateDeviceEnrolled(device=device.login_id, site=device.site or "", gate=device.gate or "")


def _read_code(code: str) -> tuple[str, str]:
    """Return the device and its token; people type blanks, and keyboards begin with a capital."""
    found = _CODE.fullmatch("-".join(code.split()))
    if found is None:
        raise InvalidInput.of("code", "code_wrong")
    return found["device"].upper(), found["token"]


@answers(router, rpc.accounts.gate_devices.REPORT_GATE_DEVICE)
async def report_gate_device(
    caller: Caller, report: GateDeviceReport, request: Request, response: Response
) -> Nothing:
    """Hand on the report of an enrolled device, and renew its enrolment if that ends soon."""
    if caller.gate_device is None:
        raise Forbidden("this device is not enrolled for a gate", code="device_missing")
    done = await caller.query(rpc.accounts.gate_devices.REPORT_GATE_DEVICE, report)
    await renew(response, request, caller)
    return done


@answers(router, rpc.verify.manifests.MANIFEST)
async def view_manifest(caller: Caller, request: ManifestQuestion) -> Manifest:
    """Return what the guard's gate holds, with the gateway's copy of the status list on the first page."""
    _require_gate(caller, request.gate)
    manifest = await caller.query(rpc.verify.manifests.MANIFEST, request)
    if request.after is None:
        GATE_LISTS.labels("manifest", "whole" if manifest.base is None else "delta").inc()
    status_list = caller.state.status_list.value
    if status_list is None or request.after is not None or manifest.base is not None:
        return manifest
    return manifest.model_copy(update={"status_list": status_list.jws})


@router.get("/gate/news", include_in_schema=False)
async def stream_news(
    caller: GuardOnDevice, request: Request, gate: Code, last_event_id: Annotated[int | None, Header()] = None
) -> StreamingResponse:
    """Send who passes the gates of the site, and when the list of revoked passes is newer.

    Server-sent events (HTML 9.2): `movement` has a pass number and counts, and names nobody; `help` is a call
    for help and who answers it; `status` says that there is a newer list, `reload` that movements were
    missed. The stream ends after a minute, and when session or device has ended; a browser that is still
    admitted opens the next one.
    """
    _require_gate(caller, gate)
    news = caller.state.gate_news.of(site_of(gate), caller.principal, STREAM_SECONDS, last_event_id)

    async def events() -> AsyncIterator[str]:
        yield "retry: 1000\n\n"
        async with aclosing(news):
            async for one in news:
                if not await is_still_admitted(request, caller):
                    return
                yield _event(one)

    return StreamingResponse(events(), headers=NOT_BUFFERED, media_type="text/event-stream")


def _event(news: News) -> str:
    if isinstance(news, str):
        return f"event: {news}\ndata:\n\n"
    if isinstance(news, HelpCall):
        return f"event: help\ndata: {news.model_dump_json()}\n\n"
    return f"event: movement\nid: {news.position}\ndata: {news.model_dump_json()}\n\n"
