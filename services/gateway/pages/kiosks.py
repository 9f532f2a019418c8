"""The kiosks of the ADO Branch: issue one for a site, renew its token, disable it.

A token enrols one browser once.
"""

from fastapi import Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import InvalidInput
from contracts.rpc.accounts.logins import IssuedLogin, IssueLogin, LoginId, LoginQuestion
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.forms import key_of, problems_of, text_of
from services.gateway.pages.shared.qr import of_address
from services.gateway.pages.shared.view import SEEN, AdoPage, View, page_router

router = page_router("/desk/kiosks")
ISSUED = "/desk/kiosks/issued"


@router.get("")
async def show_kiosks(view: AdoPage) -> Response:
    return await _list(view, {}, {})


@router.post("")
async def issue_kiosk(view: AdoPage) -> Response:
    """Issue a new kiosk; its token is shown once."""
    form = await view.form()
    typed = {name: text_of(form, name) for name in ("name", "site")}
    try:
        wanted = IssueLogin.model_validate(
            {"role": "kiosk"} | {name: value or None for name, value in typed.items()}
        )
        issued = await view.command(rpc.accounts.logins.ISSUE_LOGIN, wanted, key_of(form))
    except (ValidationError, InvalidInput) as error:
        return await _list(view, typed, problems_of(error, {"name": "name_missing"}), 422)
    return _to_issued(view, issued)


@router.get("/issued")
async def show_issued(view: AdoPage) -> Response:
    """Show a token, once, and the whole address at which it is entered."""
    kept = view.read_result()
    if not kept:
        return view.to("/desk/kiosks")
    address = view.caller.state.settings.public_url.rstrip("/") + view.path("/kiosk/enrol")
    issued = IssuedLogin.model_validate(kept)
    response = view.html("kiosks/issued.html", issued=issued, address=address, qr=of_address(address))
    return view.save_result(response, ISSUED, kept | SEEN)


def _to_issued(view: View, issued: IssuedLogin) -> Response:
    return view.save_result(view.to(ISSUED), ISSUED, issued.model_dump(mode="json"))


@router.post("/{kiosk_id}/token")
async def renew_token(view: AdoPage, kiosk_id: str) -> Response:
    """Issue a new token; the browser that was enrolled stops being a kiosk."""
    return _to_issued(view, await view.carry_out(rpc.accounts.logins.RESET_LOGIN, LoginId(login_id=kiosk_id)))


@router.post("/{kiosk_id}/disable")
async def disable_kiosk(view: AdoPage, kiosk_id: str) -> Response:
    """Disable a kiosk; its enrolment ends at once."""
    await view.carry_out(rpc.accounts.logins.DISABLE_LOGIN, LoginId(login_id=kiosk_id))
    return view.to("/desk/kiosks")


async def _list(view: View, typed: dict[str, str], errors: dict[str, str], status: int = 200) -> Response:
    found = await view.query(rpc.accounts.logins.LIST_LOGINS, LoginQuestion(role="kiosk", limit=200))
    shown = {"kiosks": found.items, "sites": await directory.sites(view)}
    return view.html("kiosks/list.html", status, typed=typed, errors=errors, **shown)
