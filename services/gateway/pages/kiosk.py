"""The self-service kiosk: a browser that the ADO Branch enrolled for a site.

Its visitors use the pages of the portal.

A kiosk differs in this: the language is chosen first, on a start page that ends the session of the last
visitor; everything is cleared when nobody touches the screen for a while; its printer prints the reference
and the pass; and no history is shown, only what was sent or opened there (the application service enforces
that, and records the channel).
"""

from fastapi import Response

from contracts import rpc
from contracts.errors import NotAuthenticated, NotFound
from contracts.rpc.accounts.sessions import LogIn
from contracts.rpc.application import ApplicationView, ReferenceOnly
from contracts.rpc.issuance import PassNumber
from services.gateway.access.admission import is_at_kiosk, rate_limited
from services.gateway.pages.shared import cookies, directory
from services.gateway.pages.shared.forms import key_of, text_of
from services.gateway.pages.shared.kiosk_renewal import renew
from services.gateway.pages.shared.kiosk_visit import new_visit
from services.gateway.pages.shared.languages import ENDONYMS, LANGUAGES, _, texts
from services.gateway.pages.shared.sign_out import sign_out_applicant
from services.gateway.pages.shared.view import ApplicantPage, OpenPage, View, page_router

router = page_router("/kiosk")
_TOKEN_REFUSED = {"token_used": "token_used", "initial_password_expired": "token_expired"}
"""What is said of a token, by the code of its refusal."""
NEEDS = _("You need a mobile phone that can receive an SMS, and an ID card.")
WAITING = frozenset({"submitted", "approved"})


@router.get("", dependencies=[rate_limited("read")])
async def start(view: OpenPage) -> Response:
    """Clear answers and session of the last visitor, and ask the next one for the language.

    It is a GET, because a page without scripts can lead nowhere else by itself.
    """
    if view.kiosk:
        choices = [
            {
                "code": code,
                "language": ENDONYMS[code],
                "title": texts(code).gettext(_("Apply for a visitor pass")),
                "needs": texts(code).gettext(NEEDS),
                "my_data": texts(code).gettext(_("My data")),
                "met": texts(code).gettext(_("Were you met?")),
            }
            for code in LANGUAGES
        ]
        response: Response = view.html("kiosk/start.html", elsewhere={}, clearable=False, choices=choices)
        await renew(view, response)
    else:
        response = view.to("/kiosk/enrol")
    if is_at_kiosk(view.request):
        await sign_out_applicant(view, response)
    return response


@router.post("", dependencies=[rate_limited("read")])
async def begin(view: OpenPage) -> Response:
    if view.kiosk is None:
        return view.to("/kiosk/enrol")
    wanted = text_of(await view.form(), "to")
    response = view.to({"my-data": "/sign-in?to=my-data", "met": "/status"}.get(wanted, "/sign-in"))
    await sign_out_applicant(view, response)
    cookies.answers_cookie(view.request).write(response, new_visit())
    return response


@router.get("/enrol", dependencies=[rate_limited("read")])
async def ask_token(view: OpenPage) -> Response:
    return view.html("kiosk/enrol.html", errors={}, typed="")


@router.post("/enrol", dependencies=[rate_limited("login")])
async def enrol(view: OpenPage) -> Response:
    """Exchange the token of the ADO Branch, once, for the cookie of the device; it may be a hall's screen."""
    form = await view.form()
    kiosk_id, token = text_of(form, "kiosk_id"), text_of(form, "token")
    try:
        asked = LogIn(login_id=kiosk_id[:40], password=token[:200])
        device = await view.command(rpc.accounts.sessions.ENROL_KIOSK, asked, key_of(form))
    except NotAuthenticated as error:
        code = _TOKEN_REFUSED.get(error.body.code, "wrong_token")
        return view.html("kiosk/enrol.html", 422, errors={"kiosk_id": code}, typed=kiosk_id)
    response = view.to("/hall" if text_of(form, "to") == "hall" else "/kiosk")
    cookies.enrol(response, view.request, device.access_token, device.expires_at)
    return response


@router.get("/done")
async def done(view: ApplicantPage) -> Response:
    """Show the reference, to print it; the pass too, once there is one."""
    shown = await _just_sent(view)
    if shown is None:
        return view.to("/kiosk")
    return view.html("kiosk/done.html", clearable=False, shown=shown, waits=shown.status in WAITING)


@router.get("/slip")
async def show_slip(view: ApplicantPage) -> Response:
    shown = await _just_sent(view)
    if shown is None:
        return view.to("/kiosk")
    names = await directory.names(view, shown)
    return view.html("kiosk/slip.html", shown=shown, paper="receipt", back="/kiosk/done", **names)


@router.get("/pass")
async def show_pass(view: ApplicantPage) -> Response:
    sent = await _just_sent(view)
    if sent is None or sent.pass_ is None:
        raise NotFound("there is no pass yet")
    shown = await view.query(rpc.issuance.PASS, PassNumber(number=sent.pass_.number))
    more = {"host": await directory.host(view, shown), **await directory.names(view, shown)}
    return view.html("shared/printed_pass.html", shown=shown, paper="receipt", back="/kiosk/done", **more)


async def _just_sent(view: View) -> ApplicationView | None:
    """Return the application that was sent here since the screen was last cleared, if any."""
    sent = view.read_answers().get("sent")
    if view.kiosk is None or sent is None:
        return None
    return await view.query(rpc.application.VIEW_APPLICATION, ReferenceOnly(reference=sent["reference"]))
