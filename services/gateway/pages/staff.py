"""Sign-in of staff with the login that the ADO Branch issued, and the change of the first password."""

import asyncio
from uuid import uuid4

from fastapi import Response

from contracts import rpc
from contracts.errors import InvalidInput, NotAuthenticated, Unavailable
from contracts.rpc.accounts.sessions import ChangePassword, LogIn
from services.gateway.access.admission import rate_limited
from services.gateway.pages.shared import cookies, directory, navigation, staff_sign_in
from services.gateway.pages.shared.forms import problems_of, text_of
from services.gateway.pages.shared.sign_out import end_session
from services.gateway.pages.shared.view import AnyStaffPage, SignInPage, StaffPage, View, page_router
from services.gateway.pages.shared.waiting_times import usual_wait

router = page_router("/staff")
_NEXT = {"second_factor_required": "/staff/sign-in/code", "second_factor_missing": "/staff/sign-in/app"}
"""Where a sign-in goes on whose password was right."""


@router.get("")
async def show_start(view: AnyStaffPage) -> Response:
    """Show what a login may do; auditors also see how long departments take."""
    role = view.principal.role
    return view.html(
        "staff/start.html",
        tasks=navigation.tasks(view.principal, view.language),
        waiting=await _usual_waits(view) if role == "auditor" else [],
    )


@router.get("/sign-in", dependencies=[rate_limited("read")])
async def ask_login(view: SignInPage) -> Response:
    return view.html("staff/sign_in.html", errors={}, typed="")


@router.post("/sign-in", dependencies=[rate_limited("login")])
async def sign_in(view: SignInPage) -> Response:
    form = await view.form()
    login_id, password = text_of(form, "login_id"), str(form.get("password", ""))
    if not login_id or not password:
        return view.html("staff/sign_in.html", 422, errors={"login_id": "login_missing"}, typed=login_id)
    try:
        asked = LogIn(login_id=login_id[:40], password=password[:200])
        asked = cookies.with_devices(asked, view.request, "logins")
        session = await view.command(rpc.accounts.sessions.LOG_IN, asked, str(uuid4()))
    except NotAuthenticated as error:
        if (further := _go_on(view, error)) is not None:
            return further
        expired = error.body.code == "initial_password_expired"
        code = "initial_password_expired" if expired else "wrong_login"
        return view.html("staff/sign_in.html", 422, errors={"login_id": code}, typed=login_id)
    return await staff_sign_in.sign_in(view, session)


def _go_on(view: View, error: NotAuthenticated) -> Response | None:
    """Lead to the second factor that a right password waits for; return None if it waits for none."""
    page = _NEXT.get(error.body.code)
    if page is None:
        return None
    response = view.to(page)
    cookies.sign_in_waits(response, view.request, str(error.body.facts["sign_in"]))
    return response


@router.get("/password")
async def ask_password(view: StaffPage) -> Response:
    return view.html("staff/password.html", errors={})


@router.post("/password")
async def change_password(view: StaffPage) -> Response:
    form = await view.form()
    current, new, again = (str(form.get(name, "")) for name in ("current", "new", "again"))
    if new != again:
        return view.html("staff/password.html", 422, errors={"again": "passwords_differ"})
    try:
        change = ChangePassword(current=current[:200], new=new[:200])
        session = await view.command(rpc.accounts.sessions.CHANGE_PASSWORD, change, str(uuid4()))
    except NotAuthenticated as error:
        if (further := _go_on(view, error)) is not None:
            return further
        if error.body.code == "session_ended":
            raise
        expired = error.body.code == "initial_password_expired"
        code = "initial_password_expired" if expired else "wrong_password"
        return view.html("staff/password.html", 422, errors={"current": code})
    except InvalidInput as error:
        problems = {field: f"password_{code}" for field, code in problems_of(error).items()}
        return view.html("staff/password.html", 422, errors=problems)
    return await staff_sign_in.sign_in(view, session)


@router.post("/sign-out")
async def sign_out(view: StaffPage) -> Response:
    """Sign out, and forget a sign-in or an app that was begun."""
    response = view.to("/staff/sign-in")
    cookies.sign_out(response, view.request)
    cookies.sign_in_ended(response, view.request)
    await end_session(view.caller)
    return response


async def _usual_waits(view: View) -> list[tuple[str, tuple[str, str] | None]]:
    """Return each department's name, and within which times it usually decides."""
    try:
        names = await directory.department_names(view)
    except Unavailable:
        return []  # the page shows the rest
    found = await asyncio.gather(*(usual_wait(view, code) for code in names))
    return sorted(zip(names.values(), found, strict=True))
