"""The second factor of staff: the code after the password, an app that is set up, and who needs one."""

import re
from typing import Annotated
from uuid import uuid4

from fastapi import Depends, Response

from contracts import rpc
from contracts.errors import InvalidInput, NotAuthenticated
from contracts.model import Role
from contracts.rpc.call import Nothing
from services.gateway.access import callers
from services.gateway.access.admission import Access, rate_limited
from services.gateway.pages.shared import cookies, qr
from services.gateway.pages.shared.error_pages import (
    FORM_ADDRESS,
    FORM_CODE,
    FORM_IS_PAGE,
    FORM_KEY,
    posted_fields,
    redirect,
)
from services.gateway.pages.shared.forms import LONGEST_KEY, key_of, text_of
from services.gateway.pages.shared.staff_sign_in import home_of, sign_in, store
from services.gateway.pages.shared.view import AdoPage, Pages, SignInPage, View, page_router

router = page_router("")
RECOVERY = "/staff/sign-in/recovery-codes"
ROLES: tuple[Role, ...] = (
    "ado", "department", "security", "reception", "assisted", "ops", "auditor", "grievance", "privacy",
)  # fmt: skip
LONGEST_CODE = 40
FORM = re.compile(r"/(pa|hi|en)(/(?!\.)[a-zA-Z0-9_.:-]+)+(\?[!-~]*)?")
"""The address of a form or a page of ours."""


@router.get("/staff/sign-in/code", dependencies=[rate_limited("read")])
async def ask_code(view: SignInPage) -> Response:
    if not cookies.sign_in_token(view.request):
        return view.to("/staff/sign-in")
    return view.html("second_factor/code.html", errors={})


@router.post("/staff/sign-in/code", dependencies=[rate_limited("login")])
async def enter_code(view: SignInPage) -> Response:
    form = await view.form()
    try:
        asked = _entered(view, text_of(form, "code"))
        session = await view.command(rpc.accounts.second_factor.ENTER_CODE, asked, key_of(form))
    except InvalidInput:
        return view.html("second_factor/code.html", 422, errors={"code": "wrong_app_code"})
    except NotAuthenticated:
        return _again(view)
    return await sign_in(view, session)


@router.get("/staff/sign-in/app", dependencies=[rate_limited("read")])
async def show_app(view: SignInPage) -> Response:
    return await _app(view, {})


@router.post("/staff/sign-in/app", dependencies=[rate_limited("login")])
async def enrol_app(view: SignInPage) -> Response:
    """Set up the app, open a session, and lead to the recovery codes."""
    form = await view.form()
    try:
        asked = _entered(view, text_of(form, "code"))
        enrolled = await view.command(rpc.accounts.second_factor.ENROL_FACTOR, asked, key_of(form))
    except InvalidInput:
        return await _app(view, {"code": "wrong_app_code"}, 422)
    except NotAuthenticated:
        return _again(view)
    response = await sign_in(view, enrolled.session, RECOVERY)
    shown = {"codes": list(enrolled.recovery_codes), "home": home_of(enrolled.session)}
    return view.save_result(response, RECOVERY, shown)


@router.get("/staff/sign-in/recovery-codes", dependencies=[rate_limited("read")])
async def show_recovery_codes(view: SignInPage) -> Response:
    return _recovery_codes(view, RECOVERY, "/staff")


def _add(base: str, holder: Access) -> None:
    """Add the pages on which some holders of logins see and change their own second factor."""
    codes = f"{base}/recovery-codes"

    @router.get(base)
    async def show_own(view: Annotated[View, Depends(Pages(holder))]) -> Response:
        return await _own(view, base)

    @router.post(f"{base}/app")
    async def set_up_app(view: Annotated[View, Depends(Pages(holder))]) -> Response:
        """Lead to the QR of an app: of the first for the password, of another for a code of the first."""
        form = await view.form()
        asked = rpc.accounts.second_factor.StartEnrolment(password=str(form.get("password", ""))[:200])
        try:
            started = await view.command(rpc.accounts.second_factor.START_ENROLMENT, asked, key_of(form))
        except InvalidInput:
            return await _own(view, base, {"password": "wrong_password"}, 422)
        response = view.to("/staff/sign-in/app")
        cookies.sign_in_waits(response, view.request, started.sign_in)
        return response

    @router.post(codes)
    async def renew_recovery_codes(view: Annotated[View, Depends(Pages(holder))]) -> Response:
        made = await view.carry_out(rpc.accounts.second_factor.RENEW_RECOVERY_CODES, Nothing())
        return view.save_result(view.to(codes), codes, {"codes": list(made.recovery_codes), "home": base})

    @router.get(codes)
    async def show_own_recovery_codes(view: Annotated[View, Depends(Pages(holder))]) -> Response:
        return _recovery_codes(view, codes, base)

    @router.post(f"{base}/confirm")
    async def confirm(view: Annotated[View, Depends(Pages(holder))]) -> Response:
        """Take the code that a form or a page needs, and send the form again as it was (307)."""
        posted = await posted_fields(view.request)
        form = dict(posted)
        to, code = form.get(FORM_ADDRESS, ""), form.get(FORM_CODE, "")
        if not FORM.fullmatch(to):
            return view.to(base)
        try:
            asked = rpc.accounts.second_factor.FactorCode(code=code.strip()[:LONGEST_CODE])
            key = form.get(FORM_KEY, "")[:LONGEST_KEY] or str(uuid4())
            session = await view.command(rpc.accounts.second_factor.CONFIRM_FACTOR, asked, key)
        except InvalidInput:
            ours = (FORM_ADDRESS, FORM_CODE, FORM_KEY)
            rest = [(name, value) for name, value in posted if name not in ours]
            shown = {"errors": {"code": "wrong_app_code"}, "to": to, "fields_again": rest, "base": base}
            return view.html("second_factor/confirm.html", 422, **shown)
        status = 303 if FORM_IS_PAGE in form else 307
        return store(view, session, redirect(to, status))


_add("/staff/second-factor", callers.staff)
_add("/assist/second-factor", callers.operator)


@router.get("/desk/second-factor")
async def show_rule(view: AdoPage) -> Response:
    rule = await view.query(rpc.accounts.second_factor.FACTOR_RULE, Nothing())
    return view.html("second_factor/rule.html", rule=rule, roles=ROLES)


@router.post("/desk/second-factor")
async def set_rule(view: AdoPage) -> Response:
    form = await view.form()
    wanted = rpc.accounts.second_factor.SetFactorRule.model_validate({"roles": form.getlist("roles")})
    await view.command(rpc.accounts.second_factor.SET_FACTOR_RULE, wanted, key_of(form))
    return view.to("/desk/second-factor", notice="saved")


async def _own(view: View, base: str, errors: dict[str, str] | None = None, status: int = 200) -> Response:
    found = await view.query(rpc.accounts.second_factor.OWN_FACTOR, Nothing())
    return view.html("second_factor/own.html", status, own=found, base=base, errors=errors or {})


def _recovery_codes(view: View, page: str, home: str) -> Response:
    """Show recovery codes, once."""
    kept = view.read_result()
    if not kept:
        return view.to(home)
    response = view.html("second_factor/recovery_codes.html", codes=kept["codes"], home=kept["home"])
    return view.save_result(response, page, kept | {"codes": []})


def _entered(view: View, code: str) -> rpc.accounts.second_factor.EnterCode:
    asked = rpc.accounts.second_factor.EnterCode(
        sign_in=cookies.sign_in_token(view.request), code=code[:LONGEST_CODE]
    )
    return cookies.with_devices(asked, view.request, "logins")


async def _app(view: View, errors: dict[str, str], status: int = 200) -> Response:
    try:
        token = rpc.accounts.second_factor.SignInToken(sign_in=cookies.sign_in_token(view.request))
        found = await view.query(rpc.accounts.second_factor.SHOW_ENROLMENT, token)
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
