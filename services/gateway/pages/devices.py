"""Kiosks and the devices of gates: the ADO Branch issues, renews and disables them.

A kiosk's token or a gate device's code enrols one browser once; a kiosk (``kiosk.py``) or the app of the gate
(``api/gate.py``) asks for it. Operations and security see the devices of gates.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import Path, Response
from pydantic import ValidationError

from contracts import login_ids, rpc
from contracts.errors import Conflict, InvalidInput
from contracts.model import site_of
from contracts.rpc.accounts.logins import IssuedLogin, IssueLogin, LoginId, LoginQuestion
from contracts.rpc.call import Nothing
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.forms import key_of, problems_of, text_of
from services.gateway.pages.shared.qr import of_address
from services.gateway.pages.shared.view import SEEN, AdoPage, DeviceReaderPage, View, page_router

router = page_router("")
KIOSKS, GATES = "/desk/kiosks", "/gate-devices"
DeviceId = Annotated[str, Path(pattern=rf"^[A-Z]{{3}}-{login_ids.REST}$")]


@router.get(KIOSKS)
async def show_kiosks(view: AdoPage) -> Response:
    return await _kiosks(view, {}, {})


@router.post(KIOSKS)
async def issue_kiosk(view: AdoPage) -> Response:
    return await _issue(view, KIOSKS, "kiosk", ("name", "site"), _kiosks)


@router.get(f"{KIOSKS}/issued")
async def show_token(view: AdoPage) -> Response:
    """Show a token, once, and the whole address at which it is entered."""
    address = view.caller.state.public_url + view.path("/kiosk/enrol")
    return _issued(
        view, KIOSKS, "kiosks/issued.html", lambda _: {"address": address, "qr": of_address(address)}
    )


@router.post(f"{KIOSKS}/{{kiosk_id}}/token")
async def renew_token(view: AdoPage, kiosk_id: str) -> Response:
    """Issue a new token; the browser that was enrolled stops being a kiosk."""
    issued = await view.carry_out(rpc.accounts.logins.RESET_LOGIN, LoginId(login_id=kiosk_id))
    return _to_issued(view, KIOSKS, issued)


@router.post(f"{KIOSKS}/{{kiosk_id}}/disable")
async def disable_kiosk(view: AdoPage, kiosk_id: str) -> Response:
    """Disable a kiosk; its enrolment ends at once."""
    await view.carry_out(rpc.accounts.logins.DISABLE_LOGIN, LoginId(login_id=kiosk_id))
    return view.to(KIOSKS)


@router.get(GATES)
async def show_gate_devices(view: DeviceReaderPage) -> Response:
    """Show the devices: of all sites, or of the own one for security."""
    return await _gate_devices(view, {}, {})


@router.post(GATES)
async def issue_gate_device(view: AdoPage) -> Response:
    return await _issue(view, GATES, "gate_device", ("name", "gate"), _gate_devices)


@router.get(f"{GATES}/issued")
async def show_code(view: AdoPage) -> Response:
    """Show a code, once: as a QR for the camera of the device, and to type."""

    def shown(issued: IssuedLogin) -> dict[str, Any]:
        code = f"{issued.login_id}-{issued.initial_password}" if issued.initial_password else ""
        address = f"{view.caller.state.public_url}/gate"
        return {"code": code, "address": address, "qr": code and of_address(code)}

    return _issued(view, GATES, "gate_devices/issued.html", shown)


@router.get(f"{GATES}/{{device_id}}/{{verb}}")
async def confirm(view: AdoPage, device_id: DeviceId, verb: Literal["code", "revoke"]) -> Response:
    return view.html("gate_devices/confirm.html", device_id=device_id, verb=verb, refused=None)


@router.post(f"{GATES}/{{device_id}}/code")
async def renew_code(view: AdoPage, device_id: DeviceId) -> Response:
    """Issue a new code; the browser that was enrolled stops being the device."""
    try:
        issued = await view.carry_out(rpc.accounts.logins.RESET_LOGIN, LoginId(login_id=device_id))
    except Conflict as error:
        facts = {"device_id": device_id, "verb": "code", "refused": error.body.code}
        return view.html("gate_devices/confirm.html", 409, **facts)
    return _to_issued(view, GATES, issued)


@router.post(f"{GATES}/{{device_id}}/revoke")
async def revoke_device(view: AdoPage, device_id: DeviceId) -> Response:
    """Revoke a device; it gets nothing more, and the session on it ends."""
    await view.carry_out(rpc.accounts.logins.DISABLE_LOGIN, LoginId(login_id=device_id))
    return view.to(GATES)


async def _issue(
    view: View, start: str, role: str, fields: tuple[str, ...], listed: Callable[..., Awaitable[Response]]
) -> Response:
    """Issue a device, and lead to what enrols it; otherwise show the list with what is wrong."""
    form = await view.form()
    typed = {name: text_of(form, name) for name in fields}
    given = {"role": role, **{name: value or None for name, value in typed.items()}}
    try:
        if "gate" in typed:
            given["site"] = site_of(typed["gate"]) if typed["gate"] else None
        wanted = IssueLogin.model_validate(given)
        issued = await view.command(rpc.accounts.logins.ISSUE_LOGIN, wanted, key_of(form))
    except (ValidationError, InvalidInput) as error:
        return await listed(view, typed, problems_of(error, {"name": "name_missing"}), 422)
    return _to_issued(view, start, issued)


def _to_issued(view: View, start: str, issued: IssuedLogin) -> Response:
    page = f"{start}/issued"
    return view.save_result(view.to(page), page, issued.model_dump(mode="json"))


def _issued(
    view: View, start: str, template: str, shown: Callable[[IssuedLogin], dict[str, Any]]
) -> Response:
    kept = view.read_result()
    if not kept:
        return view.to(start)
    issued = IssuedLogin.model_validate(kept)
    response = view.html(template, issued=issued, **shown(issued))
    return view.save_result(response, f"{start}/issued", kept | SEEN)


async def _kiosks(view: View, typed: dict[str, str], errors: dict[str, str], status: int = 200) -> Response:
    found = await view.query(rpc.accounts.logins.LIST_LOGINS, LoginQuestion(role="kiosk", limit=200))
    shown = {"kiosks": found.items, "sites": await directory.sites(view)}
    return view.html("kiosks/list.html", status, typed=typed, errors=errors, **shown)


async def _gate_devices(
    view: View, typed: dict[str, str], errors: dict[str, str], status: int = 200
) -> Response:
    found = await view.query(rpc.accounts.gate_devices.GATE_DEVICES, Nothing())
    name, may_change = await directory.gate_names(view), view.principal.role == "ado"
    shown = {"devices": found.items, "sites": await directory.sites(view), "may_change": may_change}
    return view.html("gate_devices/list.html", status, typed=typed, errors=errors, gate_name=name, **shown)
