"""The desk of the ADO Branch: issue, disable and reset logins. An initial password is shown only once."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Conflict, InvalidInput
from contracts.model import Role
from contracts.rpc.accounts import IssuedLogin, IssueLogin, LoginId
from contracts.rpc.call import Method, Page
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.error_pages import PageRoute
from services.gateway.pages.shared.view import NOTICE, SEEN, AdoPage, View, key_of, text_of

router = APIRouter(prefix="/{language:lang}/desk/logins", include_in_schema=False, route_class=PageRoute)
ROLES: tuple[Role, ...] = ("department", "reception", "assisted", "security", "ado", "ops", "auditor")
Verb = Literal["disable", "reset"]
_LOGIN = r"^[A-Za-z0-9][A-Za-z0-9_\-:.]{0,63}$"
Login = Annotated[str, Path(pattern=_LOGIN)]
LoginNotice = Annotated[str, Query(alias=NOTICE, pattern=f"{_LOGIN}|^$")]
ISSUED = "/desk/logins/issued"
FIELDS = ("role", "name", "department", "site", "gate", "mobile")


@router.get("")
async def show_logins(view: AdoPage, after: str | None = None, notice: LoginNotice = "") -> Response:
    """Show all logins by ID."""
    found = await view.caller.query(rpc.accounts.LIST_LOGINS, Page(after=after, limit=50))
    return view.html("logins/list.html", found=found, disabled=notice)


@router.get("/new")
async def ask_login(view: AdoPage) -> Response:
    """Show the form for a new login."""
    return await _form(view, {}, {})


@router.post("/new")
async def issue_login(view: AdoPage) -> Response:
    """Issue a login and lead to its initial password."""
    form = await view.form()
    typed = {name: text_of(form, name) for name in FIELDS}
    try:
        wanted = IssueLogin.model_validate(
            {name: value or None for name, value in typed.items()} | {"language": view.language}
        )
        issued = await view.caller.command(rpc.accounts.ISSUE_LOGIN, wanted, key_of(form))
    except ValidationError as error:
        missing = {
            str(one["loc"][0]): _unreadable(str(one["loc"][0]), one["type"])
            for one in error.errors(include_input=False)
        }
        return await _form(view, typed, missing, 422)
    except InvalidInput as error:
        return await _form(view, typed, {one.field: one.code for one in error.body.fields}, 422)
    return _to_issued(view, issued)


@router.get("/issued")
async def show_issued(view: AdoPage) -> Response:
    """Show an initial password, once; a repeat says how to get another one."""
    kept = view.read_result()
    if not kept:
        return view.to("/desk/logins")
    response = view.html("logins/issued.html", issued=IssuedLogin.model_validate(kept))
    return view.save_result(response, ISSUED, kept | SEEN)


def _to_issued(view: View, issued: IssuedLogin) -> Response:
    return view.save_result(view.to(ISSUED), ISSUED, issued.model_dump())


@router.get("/{login_id}/{verb}")
async def confirm(view: AdoPage, login_id: Login, verb: Verb) -> Response:
    """Ask for confirmation, and say what will happen."""
    return view.html("logins/confirm.html", login_id=login_id, verb=verb, refused=None)


@router.post("/{login_id}/reset")
async def reset_login(view: AdoPage, login_id: Login) -> Response:
    """Reset a login and lead to its new initial password."""
    return await _carry_out(view, rpc.accounts.RESET_LOGIN, login_id, "reset")


@router.post("/{login_id}/disable")
async def disable_login(view: AdoPage, login_id: Login) -> Response:
    """Disable a login and end all its sessions."""
    return await _carry_out(view, rpc.accounts.DISABLE_LOGIN, login_id, "disable")


async def _carry_out(view: View, method: Method[LoginId, Any], login_id: str, verb: Verb) -> Response:
    key = key_of(await view.form())
    try:
        answer = await view.caller.command(method, LoginId(login_id=login_id), key)
    except Conflict as error:
        return view.html("logins/confirm.html", 409, login_id=login_id, verb=verb, refused=error.body.code)
    if isinstance(answer, IssuedLogin):
        return _to_issued(view, answer)
    return view.to("/desk/logins", notice=login_id)


def _unreadable(field: str, kind: str) -> str:
    if kind == "string_too_long":
        return "too_long"
    return f"{field}_missing" if field in {"role", "name"} else "choose_one"


async def _form(view: View, typed: dict[str, Any], errors: dict[str, str], status: int = 200) -> Response:
    sites = await directory.sites(view)
    departments = (await view.caller.state.departments.get()).items
    return view.html(
        "logins/new.html",
        status,
        roles=ROLES,
        sites=sites,
        departments=departments,
        typed=typed,
        errors=errors,
    )
