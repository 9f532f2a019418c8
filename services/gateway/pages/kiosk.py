"""The self-service kiosk: a browser that the ADO Branch enrolled for a site. Its visitor walks through the portal's own pages.

What is different at a kiosk: the language is chosen first, everything is forgotten when nobody touches the screen for a
while, the reference and the pass come out of its printer, and nobody's history is shown (the application service sees to
that, and to the channel).
"""

from fastapi import APIRouter, Response

from contracts import rpc
from contracts.errors import NotAuthenticated, NotFound, TooManyAttempts
from contracts.rpc.accounts import LogIn
from contracts.rpc.application import ApplicationView, ReferenceOnly
from contracts.rpc.issuance import PassNumber
from services.gateway.access import rate_limited
from services.gateway.pages.shared import cookies, directory
from services.gateway.pages.shared.error_pages import PageRoute, too_many
from services.gateway.pages.shared.sign_out import forget
from services.gateway.pages.shared.view import ApplicantPage, OpenPage, View, key_of, text_of

router = APIRouter(prefix="/{language:lang}/kiosk", include_in_schema=False, route_class=PageRoute)
WAITING = frozenset({"submitted", "approved"})


@router.get("")
async def welcome(view: OpenPage) -> Response:
    """Which language, and off we go."""
    return view.html("kiosk/welcome.html") if view.kiosk else view.to("/kiosk/enrol")


@router.get("/reset")
async def reset(view: OpenPage) -> Response:
    """Forgets whoever stood here. A GET, since a page without scripts can lead nowhere else by itself."""
    if view.kiosk is None:
        return view.to("/kiosk/enrol")
    response = view.to("/kiosk")
    await forget(view, response)
    return response


@router.get("/enrol")
async def ask_token(view: OpenPage) -> Response:
    """Which kiosk is this."""
    return view.html("kiosk/enrol.html", errors={}, typed="")


@router.post("/enrol", dependencies=[rate_limited("login")])
async def enrol(view: OpenPage) -> Response:
    """Exchanges the token of the ADO Branch, once, for the cookie of the device."""
    form = await view.form()
    kiosk_id, token = text_of(form, "kiosk_id"), text_of(form, "token")
    try:
        asked = LogIn(login_id=kiosk_id[:40], password=token[:200])
        device = await view.caller.command(rpc.accounts.ENROL_KIOSK, asked, key_of(form))
    except NotAuthenticated as error:
        code = "token_used" if error.body.code == "token_used" else "wrong_token"
        return view.html("kiosk/enrol.html", 422, errors={"kiosk_id": code}, typed=kiosk_id)
    except TooManyAttempts as error:
        return too_many(view.request, error)
    response = view.to("/kiosk")
    cookies.enrol(response, view.request, device.access_token, device.expires_at)
    return response


@router.get("/done")
async def done(view: ApplicantPage) -> Response:
    """The reference, to print; the pass too, once it comes."""
    shown = await _just_sent(view)
    if shown is None:
        return view.to("/kiosk")
    return view.html("kiosk/done.html", shown=shown, waits=shown.status in WAITING)


@router.get("/slip")
async def show_slip(view: ApplicantPage) -> Response:
    """The reference on paper."""
    shown = await _just_sent(view)
    if shown is None:
        return view.to("/kiosk")
    return view.html(
        "kiosk/slip.html",
        shown=shown,
        paper="receipt",
        back="/kiosk/done",
        **await directory.names(view, shown),
    )


@router.get("/pass")
async def show_pass(view: ApplicantPage) -> Response:
    """The pass on paper."""
    sent = await _just_sent(view)
    if sent is None or sent.pass_ is None:
        raise NotFound("there is no pass yet")
    shown = await view.caller.query(rpc.issuance.PASS, PassNumber(number=sent.pass_.number))
    return view.html(
        "shared/printed_pass.html",
        shown=shown,
        paper="receipt",
        back="/kiosk/done",
        **await directory.names(view, shown),
    )


async def _just_sent(view: View) -> ApplicationView | None:
    """What was applied for here before the screen was cleared, and nothing older."""
    sent = cookies.answers_cookie(view.request).read(view.request).get("sent")
    if view.kiosk is None or sent is None:
        return None
    return await view.caller.query(
        rpc.application.VIEW_APPLICATION, ReferenceOnly(reference=sent["reference"])
    )
