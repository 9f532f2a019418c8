"""Supervisors of gates: the ADO Branch names them, each chooses a PIN, and which sites demand one.

The PIN goes to verify and nowhere else: no page shows it again.
"""

from fastapi import Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Forbidden, NotFound
from contracts.mobile import ascii_digits
from contracts.rpc.accounts.logins import LoginQuestion, LoginView
from contracts.rpc.call import Method, Nothing
from contracts.rpc.verify.supervisors import NameSupervisor, SetPin, SiteId, SiteSupervision, SupervisorId
from contracts.second_factor import require_fresh
from services.chassis.runtime.clock import now
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.forms import key_of, text_of
from services.gateway.pages.shared.view import AdoPage, SecurityPage, View, page_router

router = page_router("")
SUPERVISORS, PIN = "/desk/supervisors", "/gate/pin"
LONGEST_PIN = 40
MOST_PAGES = 10
"""Of the list of security logins, 200 each."""


@router.get("/desk/supervisors")
async def show_supervisors(view: AdoPage) -> Response:
    return await _list(view, {})


@router.post("/desk/supervisors")
async def name_supervisor(view: AdoPage) -> Response:
    form = await view.form()
    chosen = text_of(form, "login_id")
    login = next((one for one in await _nameable(view) if one.login_id == chosen), None)
    if login is None or login.site is None:
        return await _list(view, {"login_id": "choose_one"}, 422)
    wanted = NameSupervisor(login_id=login.login_id, site=login.site)
    await view.command(rpc.verify.supervisors.NAME_SUPERVISOR, wanted, key_of(form))
    return view.to(SUPERVISORS)


@router.post("/desk/supervisors/{login_id}/end")
async def end_supervisor(view: AdoPage, login_id: str) -> Response:
    await view.carry_out(rpc.verify.supervisors.END_SUPERVISOR, SupervisorId(login_id=login_id))
    return view.to(SUPERVISORS)


@router.post("/desk/supervisors/sites/{site}/demand")
async def demand_supervisors(view: AdoPage, site: str) -> Response:
    return await _decide(view, rpc.verify.supervisors.DEMAND_SUPERVISORS, site)


@router.post("/desk/supervisors/sites/{site}/lift")
async def lift_supervisors(view: AdoPage, site: str) -> Response:
    return await _decide(view, rpc.verify.supervisors.LIFT_SUPERVISORS, site)


async def _decide(view: View, method: Method[SiteId, SiteSupervision], site: str) -> Response:
    if await directory.site(view, site) is None:
        raise NotFound("there is no such site")
    await view.carry_out(method, SiteId(site=site))
    return view.to(SUPERVISORS)


@router.get("/gate/pin")
async def ask_pin(view: SecurityPage) -> Response:
    return await _pin(view, {})


@router.post("/gate/pin")
async def set_pin(view: SecurityPage) -> Response:
    """Set the PIN of a supervisor, typed twice."""
    form = await view.form()
    typed, again = (ascii_digits(str(form.get(name, ""))[:LONGEST_PIN]).strip() for name in ("pin", "again"))
    try:
        wanted = SetPin(pin=typed)
    except ValidationError:
        return await _pin(view, {"pin": "pin_not_six"}, 422)
    if typed != again:
        return await _pin(view, {"again": "pin_differs"}, 422)
    if len(set(typed)) == 1 or typed in "01234567890" or typed in "09876543210":
        return await _pin(view, {"pin": "pin_too_easy"}, 422)
    try:
        await view.command(rpc.verify.supervisors.SET_PIN, wanted, key_of(form))
    except Forbidden as error:
        if error.body.code != "no_supervisor":
            raise
        return view.to(PIN)
    return view.to(PIN, notice="saved")


async def _pin(view: View, errors: dict[str, str], status: int = 200) -> Response:
    own = await view.query(rpc.verify.supervisors.OWN_PIN, Nothing())
    if own.is_supervisor:
        require_fresh(view.principal, now())  # before a PIN is typed, which no page has again
    return view.html("gate_supervisors/pin.html", status, own=own, errors=errors)


async def _list(view: View, errors: dict[str, str], status: int = 200) -> Response:
    found = await view.query(rpc.verify.supervisors.SUPERVISORS, Nothing())
    known = {one.login_id for one in found.items}
    rules = {one.site: one for one in found.sites}
    names = await directory.site_names(view)
    return view.html(
        "gate_supervisors/list.html",
        status,
        supervisors=found.items,
        rules=[rules.get(code, SiteSupervision(site=code)) for code in names],
        nameable=[one for one in await _nameable(view) if one.login_id not in known],
        names=names,
        errors=errors,
    )


async def _nameable(view: View) -> list[LoginView]:
    """Return the security logins in use that belong to a site and to none of its gates."""
    found: list[LoginView] = []
    after = None
    for _ in range(MOST_PAGES):
        question = LoginQuestion(role="security", limit=200, after=after)
        page = await view.query(rpc.accounts.logins.LIST_LOGINS, question)
        found += [one for one in page.items if one.site and not one.gate and not one.disabled]
        after = page.next
        if after is None:
            break
    return found
