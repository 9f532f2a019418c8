"""The second factor of staff: the code after the password, and the first code of an app that is set up."""

from fastapi import APIRouter, Response

from contracts import rpc
from contracts.errors import InvalidInput, NotAuthenticated, TooManyAttempts
from contracts.rpc.accounts import EnterCode, SignInToken
from services.gateway.access import rate_limited
from services.gateway.pages.shared import cookies, qr
from services.gateway.pages.shared.error_pages import PageRoute, too_many
from services.gateway.pages.shared.staff_sign_in import home_of, sign_in
from services.gateway.pages.shared.view import OpenPage, View, key_of, text_of

router = APIRouter(prefix="/{language:lang}/staff/sign-in", include_in_schema=False, route_class=PageRoute)
RECOVERY = "/staff/sign-in/recovery-codes"
LONGEST_CODE = 40


@router.get("/code", dependencies=[rate_limited("read")])
async def ask_code(view: OpenPage) -> Response:
    """Ask for the code of the app."""
    if not cookies.sign_in_token(view.request):
        return view.to("/staff/sign-in")
    return view.html("second_factor/code.html", errors={})


@router.post("/code", dependencies=[rate_limited("login")])
async def enter_code(view: OpenPage) -> Response:
    """Open a session for a right code."""
    form = await view.form()
    try:
        asked = _entered(view, text_of(form, "code"))
        session = await view.caller.command(rpc.accounts.ENTER_CODE, asked, key_of(form))
    except InvalidInput:
        return view.html("second_factor/code.html", 422, errors={"code": "wrong_app_code"})
    except NotAuthenticated:
        return _again(view)
    except TooManyAttempts as error:
        return too_many(view.request, error)
    return sign_in(view, session)


@router.get("/app", dependencies=[rate_limited("read")])
async def show_app(view: OpenPage) -> Response:
    """Show the QR for an authenticator app, and ask for its first code."""
    return await _app(view, {})


@router.post("/app", dependencies=[rate_limited("login")])
async def enrol_app(view: OpenPage) -> Response:
    """Set up the app, open a session, and lead to the recovery codes."""
    form = await view.form()
    try:
        asked = _entered(view, text_of(form, "code"))
        enrolled = await view.caller.command(rpc.accounts.ENROL_FACTOR, asked, key_of(form))
    except InvalidInput:
        return await _app(view, {"code": "wrong_app_code"}, 422)
    except NotAuthenticated:
        return _again(view)
    except TooManyAttempts as error:
        return too_many(view.request, error)
    response = sign_in(view, enrolled.session, RECOVERY)
    shown = {"codes": list(enrolled.recovery_codes), "home": home_of(enrolled.session)}
    return view.save_result(response, RECOVERY, shown)


@router.get("/recovery-codes", dependencies=[rate_limited("read")])
async def show_recovery_codes(view: OpenPage) -> Response:
    """Show the recovery codes, once."""
    kept = view.read_result()
    if not kept:
        return view.to("/staff")
    response = view.html("second_factor/recovery_codes.html", codes=kept["codes"], home=kept["home"])
    return view.save_result(response, RECOVERY, kept | {"codes": []})


def _entered(view: View, code: str) -> EnterCode:
    asked = EnterCode(sign_in=cookies.sign_in_token(view.request), code=code[:LONGEST_CODE])
    if devices := cookies.known_devices(view.request, "logins"):
        asked = asked.model_copy(update={"devices": devices})
    return asked


async def _app(view: View, errors: dict[str, str], status: int = 200) -> Response:
    try:
        token = SignInToken(sign_in=cookies.sign_in_token(view.request))
        found = await view.caller.query(rpc.accounts.SHOW_ENROLMENT, token)
    except NotAuthenticated:
        return _again(view)
    groups = [found.secret[start : start + 4] for start in range(0, len(found.secret), 4)]
    return view.html(
        "second_factor/app.html",
        status,
        errors=errors,
        login_id=found.login_id,
        qr=qr.of_address(found.address),
        secret=" ".join(groups),
    )


def _again(view: View) -> Response:
    """Lead back to the password, because the sign-in has ended."""
    response = view.to("/staff/sign-in", notice="ended")
    cookies.sign_in_ended(response, view.request)
    return response
