"""An applicant signs in with a mobile and the code that is sent to it; there is no account and no password."""

import re
from uuid import UUID, uuid4

from fastapi import APIRouter, Response

from contracts import rpc
from contracts.errors import InvalidInput, NotAuthenticated, TooManyAttempts
from contracts.rpc import Nothing, RequestOtp, VerifyOtp
from services.chassis.clock import now
from services.gateway.access import limited
from services.gateway.denials import LONGEST_SESSION
from services.gateway.pages import cookies
from services.gateway.pages.failing import PageRoute, too_many
from services.gateway.pages.view import OpenPage, View, text_of

router = APIRouter(prefix="/{language:lang}", include_in_schema=False, route_class=PageRoute)
PLACES = {"apply": "/apply/who", "history": "/applications"}
_PAGE = re.compile(r"(?:apply|applications)(?:/[A-Za-z0-9-]{1,40})?")


def place_of(to: str) -> str:
    """Where one goes after signing in: a named place, or the page that asked for it; never out of this site."""
    return f"/{to}" if to not in PLACES and _PAGE.fullmatch(to) else PLACES.get(to, PLACES["apply"])


@router.get("/sign-in")
async def ask_mobile(view: OpenPage, to: str = "apply") -> Response:
    """Which mobile is it."""
    if view.is_applicant:
        return view.to(place_of(to))
    return view.html("sign_in/mobile.html", to=to, errors={}, typed="")


@router.post("/sign-in", dependencies=[limited("otp")])
async def send_code(view: OpenPage) -> Response:
    """Has a code sent; also when it is to be sent again."""
    form, cookie = await view.form(), cookies.answers_cookie(view.request)
    answers = cookie.read(view.request)
    again = answers.get("sign_in") if text_of(form, "again") else None
    mobile = again["mobile"] if again else text_of(form, "mobile")
    to = again["to"] if again else text_of(form, "to")
    try:
        sent = await view.caller.command(rpc.REQUEST_OTP, RequestOtp(mobile=mobile[:40], language=view.language), str(uuid4()))
    except InvalidInput:
        return view.html("sign_in/mobile.html", 422, to=to, errors={"mobile": "not_a_mobile" if mobile else "mobile_missing"}, typed=mobile)
    except TooManyAttempts as error:
        return too_many(view.request, error)
    response = view.to("/sign-in/code")
    answers["sign_in"] = {
        "request_id": str(sent.request_id), "mobile": mobile, "to": to[:60],
        "again_at": now().timestamp() + sent.resend_after, "key": str(uuid4()),
    }  # fmt: skip
    cookie.write(response, answers)
    return response


@router.get("/sign-in/code")
async def ask_code(view: OpenPage) -> Response:
    """Which code came."""
    asked = cookies.answers_cookie(view.request).read(view.request).get("sign_in")
    if asked is None:
        return view.to("/sign-in")
    return _code_page(view, asked, {})


@router.post("/sign-in/code", dependencies=[limited("otp_verify")])
async def check_code(view: OpenPage) -> Response:
    """Opens a session for whoever has the code. Answers of another mobile are not shown to him: phones are shared."""
    cookie = cookies.answers_cookie(view.request)
    answers, code = cookie.read(view.request), text_of(await view.form(), "code")
    asked = answers.get("sign_in")
    if asked is None:
        return view.to("/sign-in")
    if not code:
        return _code_page(view, asked, {"code": "code_missing"}, 422)
    question = VerifyOtp(request_id=UUID(asked["request_id"]), code=code[:20])
    try:
        session = await view.caller.command(rpc.VERIFY_OTP, question, f"{asked['key']} {code[:20]}")
    except NotAuthenticated as error:
        return _code_page(view, asked, {"code": error.body.code}, 422)
    except TooManyAttempts as error:
        return too_many(view.request, error)
    response = view.to(place_of(asked["to"]))
    whose = "".join(filter(str.isdigit, asked["mobile"]))[-10:]
    kept = {name: value for name, value in answers.items() if name != "sign_in"} if answers.get("whose", whose) == whose else {}
    cookie.write(response, kept | {"whose": whose})
    cookies.sign_in(response, view.request, session.access_token, session.expires_at)
    return response


@router.post("/sign-out")
async def leave(view: OpenPage) -> Response:
    """Clears the answers and ends the session: phones are shared."""
    response = view.to("/kiosk" if view.kiosk else "/cleared")
    await forget(view, response)
    return response


async def forget(view: View, response: Response) -> None:
    """Takes answers and session out of the browser, and ends the session.

    Raises:
        Unavailable: accounts does not answer; the response forgets all the same.
    """
    cookies.answers_cookie(view.request).clear(response)
    cookies.sign_out(response, view.request)
    if view.is_applicant and view.principal.sid is not None:
        await view.caller.command(rpc.LOG_OUT, Nothing(), str(uuid4()))
        view.caller.replica.denials.session_ended(view.principal.sid, now() + LONGEST_SESSION)


@router.get("/cleared")
async def cleared(view: OpenPage) -> Response:
    """Nothing is left on this phone."""
    return view.html("sign_in/cleared.html")


def _code_page(view: View, asked: dict[str, str], errors: dict[str, str], status: int = 200) -> Response:
    wait = max(round(float(asked["again_at"]) - now().timestamp()), 0)
    return view.html("sign_in/code.html", status, errors=errors, mobile_end=asked["mobile"][-4:], wait=wait)
