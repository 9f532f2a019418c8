"""The devices of gates: the ADO Branch issues, renews and revokes them; operations and security see them.

A code enrols one browser once; the app of the gate asks for it (`api/gate.py`).
"""

from typing import Annotated, Literal

from fastapi import Path, Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Conflict, InvalidInput
from contracts.model import site_of
from contracts.rpc.accounts.logins import IssuedLogin, IssueLogin, LoginId
from contracts.rpc.call import Nothing
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.forms import key_of, problems_of, text_of
from services.gateway.pages.shared.qr import of_address
from services.gateway.pages.shared.view import SEEN, AdoPage, DeviceReaderPage, View, page_router

router = page_router("/gate-devices")
DeviceId = Annotated[str, Path(pattern=r"^[A-Z]{3}-[0-9]{4,9}$")]
START = "/gate-devices"
ISSUED = "/gate-devices/issued"


@router.get("")
async def show_devices(view: DeviceReaderPage) -> Response:
    """Show the devices: of all sites, or of the own one for security."""
    return await _list(view, {}, {})


@router.post("")
async def issue_device(view: AdoPage) -> Response:
    """Issue a device for a gate; its code is shown once."""
    form = await view.form()
    typed = {name: text_of(form, name) for name in ("name", "gate")}
    try:
        site = site_of(typed["gate"]) if typed["gate"] else None
        wanted = IssueLogin.model_validate(
            {"role": "gate_device", "site": site} | {name: value or None for name, value in typed.items()}
        )
        issued = await view.command(rpc.accounts.logins.ISSUE_LOGIN, wanted, key_of(form))
    except (ValidationError, InvalidInput) as error:
        return await _list(view, typed, problems_of(error, {"name": "name_missing"}), 422)
    return _to_issued(view, issued)


@router.get("/issued")
async def show_issued(view: AdoPage) -> Response:
    """Show a code, once: as a QR for the camera of the device, and to type."""
    kept = view.read_result()
    if not kept:
        return view.to(START)
    issued = IssuedLogin.model_validate(kept)
    code = f"{issued.login_id}-{issued.initial_password}" if issued.initial_password else ""
    address = view.caller.state.settings.public_url.rstrip("/") + "/gate"
    response = view.html(
        "gate_devices/issued.html", issued=issued, code=code, address=address, qr=code and of_address(code)
    )
    return view.save_result(response, ISSUED, kept | SEEN)


def _to_issued(view: View, issued: IssuedLogin) -> Response:
    return view.save_result(view.to(ISSUED), ISSUED, issued.model_dump(mode="json"))


@router.get("/{device_id}/{verb}")
async def confirm(view: AdoPage, device_id: DeviceId, verb: Literal["code", "revoke"]) -> Response:
    return view.html("gate_devices/confirm.html", device_id=device_id, verb=verb, refused=None)


@router.post("/{device_id}/code")
async def renew_code(view: AdoPage, device_id: DeviceId) -> Response:
    """Issue a new code; the browser that was enrolled stops being the device."""
    try:
        issued = await view.carry_out(rpc.accounts.logins.RESET_LOGIN, LoginId(login_id=device_id))
    except Conflict as error:
        facts = {"device_id": device_id, "verb": "code", "refused": error.body.code}
        return view.html("gate_devices/confirm.html", 409, **facts)
    return _to_issued(view, issued)


@router.post("/{device_id}/revoke")
async def revoke_device(view: AdoPage, device_id: DeviceId) -> Response:
    """Revoke a device; it gets nothing more, and the session on it ends."""
    await view.carry_out(rpc.accounts.logins.DISABLE_LOGIN, LoginId(login_id=device_id))
    return view.to(START)


async def _list(view: View, typed: dict[str, str], errors: dict[str, str], status: int = 200) -> Response:
    found = await view.query(rpc.accounts.gate_devices.GATE_DEVICES, Nothing())
    return view.html(
        "gate_devices/list.html",
        status,
        devices=found.items,
        sites=await directory.sites(view),
        gate_name=await directory.gate_names(view),
        may_change=view.principal.role == "ado",
        typed=typed,
        errors=errors,
    )
