"""The second factor of staff: the code after the password, an app that is set up, and who needs one."""

import re
from uuid import uuid4

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse

from contracts import rpc
from contracts.errors import InvalidInput, NotAuthenticated, TooManyAttempts
from contracts.model import Role
from contracts.rpc.accounts.second_factor import (
    EnterCode,
    FactorCode,
    SetFactorRule,
    SignInToken,
    StartEnrolment,
)
from contracts.rpc.call import Nothing
from services.gateway.access.admission import rate_limited
from services.gateway.pages.shared import cookies, qr
from services.gateway.pages.shared.error_pages import (
    FORM_ADDRESS,
    FORM_CODE,
    FORM_IS_PAGE,
    FORM_KEY,
    PageRoute,
    posted_fields,
    too_many,
)
from services.gateway.pages.shared.staff_sign_in import home_of, sign_in, store
from services.gateway.pages.shared.view import (
    LONGEST_KEY,
    AdoPage,
    Notice,
    OpenPage,
    OperatorPage,
    StaffPage,
    View,
    key_of,
    text_of,
)

router = APIRouter(prefix="/{language:lang}", include_in_schema=False, route_class=PageRoute)
RECOVERY = "/staff/sign-in/recovery-codes"
STAFF, OPERATORS, RULE = "/staff/second-factor", "/assist/second-factor", "/desk/second-factor"
ROLES: tuple[Role, ...] = ("ado", "department", "security", "reception", "assisted", "ops", "auditor")
LONGEST_CODE = 40
FORM = re.compile(r"/(pa|hi|en)(/(?!\.)[a-zA-Z0-9_.:-]+)+")
"""The address of a form of ours."""


@router.get("/staff/sign-in/code", dependencies=[rate_limited("read")])
async def ask_code(view: OpenPage) -> Response:
    """Ask for the code of the app."""
    if not cookies.sign_in_token(view.request):
        return view.to("/staff/sign-in")
    return view.html("second_factor/code.html", errors={})


@router.post("/staff/sign-in/code", dependencies=[rate_limited("login")])
async def enter_code(view: OpenPage) -> Response:
    """Open a session for a right code."""
    form = await view.form()
    try:
        asked = _entered(view, text_of(form, "code"))
        session = await view.caller.command(rpc.accounts.second_factor.ENTER_CODE, asked, key_of(form))
    except InvalidInput:
        return view.html("second_factor/code.html", 422, errors={"code": "wrong_app_code"})
    except NotAuthenticated:
        return _again(view)
    except TooManyAttempts as error:
        return too_many(view.request, error)
    return await sign_in(view, session)


@router.get("/staff/sign-in/app", dependencies=[rate_limited("read")])
async def show_app(view: OpenPage) -> Response:
    """Show the QR for an authenticator app, and ask for its first code."""
    return await _app(view, {})


@router.post("/staff/sign-in/app", dependencies=[rate_limited("login")])
async def enrol_app(view: OpenPage) -> Response:
    """Set up the app, open a session, and lead to the recovery codes."""
    form = await view.form()
    try:
        asked = _entered(view, text_of(form, "code"))
        enrolled = await view.caller.command(rpc.accounts.second_factor.ENROL_FACTOR, asked, key_of(form))
    except InvalidInput:
        return await _app(view, {"code": "wrong_app_code"}, 422)
    except NotAuthenticated:
        return _again(view)
    except TooManyAttempts as error:
        return too_many(view.request, error)
    response = await sign_in(view, enrolled.session, RECOVERY)
    shown = {"codes": list(enrolled.recovery_codes), "home": home_of(enrolled.session)}
    return view.save_result(response, RECOVERY, shown)


@router.get("/staff/sign-in/recovery-codes", dependencies=[rate_limited("read")])
async def show_recovery_codes(view: OpenPage) -> Response:
    """Show the recovery codes, once."""
    return _recovery_codes(view, RECOVERY, "/staff")


@router.get("/staff/second-factor")
async def show_own(view: StaffPage) -> Response:
    """Show what somebody has as a second factor."""
    return await _own(view, STAFF)


@router.get("/assist/second-factor")
async def show_own_of_operator(view: OperatorPage) -> Response:
    """Show what an operator who applies for others has as a second factor."""
    return await _own(view, OPERATORS)


@router.post("/staff/second-factor/app")
async def set_up_app(view: StaffPage) -> Response:
    """Lead to the QR of an app: of the first for the password, of another for a code of the first."""
    return await _set_up(view, STAFF)


@router.post("/assist/second-factor/app")
async def set_up_app_of_operator(view: OperatorPage) -> Response:
    """Lead an operator to the QR of an app."""
    return await _set_up(view, OPERATORS)


@router.post("/staff/second-factor/recovery-codes")
async def renew_recovery_codes(view: StaffPage) -> Response:
    """Replace the recovery codes, and lead to the new ones."""
    return await _renew(view, STAFF)


@router.post("/assist/second-factor/recovery-codes")
async def renew_recovery_codes_of_operator(view: OperatorPage) -> Response:
    """Replace the recovery codes of an operator."""
    return await _renew(view, OPERATORS)


@router.get("/staff/second-factor/recovery-codes")
async def show_own_recovery_codes(view: StaffPage) -> Response:
    """Show new recovery codes, once."""
    return _recovery_codes(view, f"{STAFF}/recovery-codes", STAFF)


@router.get("/assist/second-factor/recovery-codes")
async def show_recovery_codes_of_operator(view: OperatorPage) -> Response:
    """Show new recovery codes of an operator, once."""
    return _recovery_codes(view, f"{OPERATORS}/recovery-codes", OPERATORS)


@router.post("/staff/second-factor/confirm")
async def confirm(view: StaffPage) -> Response:
    """Take the code that a form or a page needs, and send the form again as it was (307)."""
    return await _confirm(view, STAFF)


@router.post("/assist/second-factor/confirm")
async def confirm_of_operator(view: OperatorPage) -> Response:
    """Take the code that a form of an operator needs."""
    return await _confirm(view, OPERATORS)


@router.get("/desk/second-factor")
async def show_rule(view: AdoPage, notice: Notice = "") -> Response:
    """Show which roles need a second factor."""
    rule = await view.caller.query(rpc.accounts.second_factor.FACTOR_RULE, Nothing())
    return view.html("second_factor/rule.html", rule=rule, roles=ROLES, notice=notice)


@router.post("/desk/second-factor")
async def set_rule(view: AdoPage) -> Response:
    """Decide which roles need a second factor."""
    form = await view.form()
    wanted = SetFactorRule.model_validate({"roles": form.getlist("roles")})
    await view.caller.command(rpc.accounts.second_factor.SET_FACTOR_RULE, wanted, key_of(form))
    return view.to(RULE, notice="saved")


async def _own(view: View, base: str, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    found = await view.caller.query(rpc.accounts.second_factor.OWN_FACTOR, Nothing())
    return view.html("second_factor/own.html", status, own=found, base=base, errors=errors or {})


async def _set_up(view: View, base: str) -> Response:
    form = await view.form()
    asked = StartEnrolment(password=str(form.get("password", ""))[:200])
    try:
        started = await view.caller.command(rpc.accounts.second_factor.START_ENROLMENT, asked, key_of(form))
    except InvalidInput:
        return await _own(view, base, {"password": "wrong_password"}, 422)
    except TooManyAttempts as error:
        return too_many(view.request, error)
    response = view.to("/staff/sign-in/app")
    cookies.sign_in_waits(response, view.request, started.sign_in)
    return response


async def _renew(view: View, base: str) -> Response:
    key = key_of(await view.form())
    made = await view.caller.command(rpc.accounts.second_factor.RENEW_RECOVERY_CODES, Nothing(), key)
    page, shown = f"{base}/recovery-codes", {"codes": list(made.recovery_codes), "home": base}
    return view.save_result(view.to(page), page, shown)


async def _confirm(view: View, base: str) -> Response:
    posted = await posted_fields(view.request)
    form = dict(posted)
    to, code = form.get(FORM_ADDRESS, ""), form.get(FORM_CODE, "")
    if not FORM.fullmatch(to):
        return view.to(base)
    try:
        asked = FactorCode(code=code.strip()[:LONGEST_CODE])
        key = form.get(FORM_KEY, "")[:LONGEST_KEY] or str(uuid4())
        session = await view.caller.command(rpc.accounts.second_factor.CONFIRM_FACTOR, asked, key)
    except InvalidInput:
        ours = (FORM_ADDRESS, FORM_CODE, FORM_KEY)
        rest = [(name, value) for name, value in posted if name not in ours]
        shown = {"errors": {"code": "wrong_app_code"}, "to": to, "fields_again": rest, "base": base}
        return view.html("second_factor/confirm.html", 422, **shown)
    except TooManyAttempts as error:
        return too_many(view.request, error)
    status = 303 if FORM_IS_PAGE in form else 307
    return store(view, session, RedirectResponse(to, status, {"Cache-Control": "no-store"}))


def _recovery_codes(view: View, page: str, home: str) -> Response:
    kept = view.read_result()
    if not kept:
        return view.to(home)
    response = view.html("second_factor/recovery_codes.html", codes=kept["codes"], home=kept["home"])
    return view.save_result(response, page, kept | {"codes": []})


def _entered(view: View, code: str) -> EnterCode:
    asked = EnterCode(sign_in=cookies.sign_in_token(view.request), code=code[:LONGEST_CODE])
    if devices := cookies.known_devices(view.request, "logins"):
        asked = asked.model_copy(update={"devices": devices})
    return asked


async def _app(view: View, errors: dict[str, str], status: int = 200) -> Response:
    try:
        token = SignInToken(sign_in=cookies.sign_in_token(view.request))
        found = await view.caller.query(rpc.accounts.second_factor.SHOW_ENROLMENT, token)
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
