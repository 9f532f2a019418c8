"""Another mobile for an application, at the reception: an operator sees the ID card, a visitor has the phone.

What was typed stays for some minutes in the browser, sealed, until the code is entered.
"""

from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from fastapi import Response

from contracts import rpc
from contracts.errors import Conflict, InvalidInput, NotAuthenticated, NotFound
from contracts.identity import NotLastFour, last_four
from contracts.mobile import only_digits
from contracts.model import OPEN_STATUSES
from contracts.rpc.accounts.sessions import RequestOtp
from contracts.rpc.application import ApplicationView, NewMobileAtCounter, ReferenceOnly
from services.gateway.access.admission import rate_limited
from services.gateway.handlers import mobile_changes
from services.gateway.pages.shared.forms import key_of, problems_of, text_of
from services.gateway.pages.shared.view import ReceptionPage, View, page_router

router = page_router("/counter/applications/{reference}")


@router.get("/mobile")
async def ask_mobile(view: ReceptionPage, reference: str) -> Response:
    """Ask for the new number, and for the last four characters of the ID card."""
    return _page(view, await _shown(view, reference), {}, {})


@router.post("/mobile", dependencies=[rate_limited("otp")])
async def send_code(view: ReceptionPage, reference: str) -> Response:
    """Send a code to the new number, in the language of the application; ask for it."""
    form, shown = await view.form(), await _shown(view, reference)
    typed = {"mobile": text_of(form, "mobile")[:40], "id_last4": text_of(form, "id_last4")[:40]}
    if mobile_changes.is_limited(shown):
        return _page(view, shown, typed, {}, 429)
    errors = _problems(typed, shown)
    if errors:
        return _page(view, shown, typed, errors, 422)
    request = RequestOtp(mobile=typed["mobile"], language=shown.language)
    key = str(uuid5(NAMESPACE_URL, f"{key_of(form)} {typed['mobile']}"))
    sent = await view.command(rpc.accounts.sessions.REQUEST_OTP, request, key)
    waiting = typed | {"request_id": str(sent.request_id), "key": str(uuid4())}
    place = f"/counter/applications/{shown.reference}/mobile/code"
    return view.save_result(view.to(place), place, waiting)


@router.get("/mobile/code")
async def ask_code(view: ReceptionPage, reference: str) -> Response:
    """Ask for the code, which the visitor enters."""
    typed = view.read_result()
    if not typed:
        return view.to(f"/counter/applications/{reference}/mobile")
    return _code_page(view, await _shown(view, reference), typed, {})


@router.post("/mobile/code", dependencies=[rate_limited("otp_verify")])
async def check_code(view: ReceptionPage, reference: str) -> Response:
    """Change the number for the code that the visitor has entered."""
    form, shown, typed = await view.form(), await _shown(view, reference), view.read_result()
    if not typed:
        return view.to(f"/counter/applications/{shown.reference}/mobile")
    code = only_digits(text_of(form, "code"))[:20]
    if not code:
        return _code_page(view, shown, typed, {"code": "code_missing"}, 422)
    proof = NewMobileAtCounter(request_id=UUID(typed["request_id"]), code=code, id_last4=typed["id_last4"])
    try:
        await mobile_changes.change_at_counter(view.caller, shown.reference, proof, typed["key"])
    except (Conflict, InvalidInput) as error:
        found = problems_of(error) if isinstance(error, InvalidInput) else {}
        found = found or {"mobile": error.body.code}
        return _page(view, shown, typed, found, 422)
    except NotAuthenticated as error:
        return _code_page(view, shown, typed, {"code": error.body.code}, 422)
    return view.to(f"/counter/applications/{shown.reference}", notice="mobile_changed")


async def _shown(view: View, reference: str) -> ApplicationView:
    """Return the application.

    Raises:
        NotFound: there is none, or it is of another site: the service would refuse to change it.
    """
    question = ReferenceOnly(reference=reference[:40])
    shown = await view.query(rpc.application.VIEW_APPLICATION, question)
    if view.principal.site not in {None, shown.site}:
        raise NotFound("there is no such application")
    return shown


def _problems(typed: dict[str, str], shown: ApplicationView) -> dict[str, str]:
    """Return what is wrong before a code is sent; the service checks it again."""
    if shown.status not in OPEN_STATUSES:
        return {"mobile": "cannot_change_mobile"}
    errors = {}
    try:
        if shown.applicant.id_last4 not in {None, last_four(typed["id_last4"])}:
            errors["id_last4"] = "other_last4"
    except NotLastFour as problem:
        errors["id_last4"] = problem.code if typed["id_last4"] else "id_last4_missing"
    wrong = mobile_changes.problem_of(typed["mobile"], shown)
    return errors | ({"mobile": wrong} if wrong else {})


def _page(
    view: View, shown: ApplicationView, typed: dict[str, str], errors: dict[str, str], status: int = 200
) -> Response:
    limited = mobile_changes.is_limited(shown)
    return view.html("counter/mobile.html", status, shown=shown, typed=typed, errors=errors, limited=limited)


def _code_page(
    view: View, shown: ApplicationView, typed: dict[str, str], errors: dict[str, str], status: int = 200
) -> Response:
    end = only_digits(typed["mobile"])[-4:]
    values: dict[str, Any] = {"shown": shown, "typed": typed, "errors": errors, "mobile_end": end}
    return view.html("counter/mobile_code.html", status, **values)
