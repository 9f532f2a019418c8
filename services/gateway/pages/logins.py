"""The ADO Branch's desk: logins are issued, disabled and reset here. An initial password is shown once and never again."""

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
from services.gateway.pages.shared.view import AdoPage, View, key_of, text_of

router = APIRouter(prefix="/{language:lang}/desk/logins", include_in_schema=False, route_class=PageRoute)
ROLES: tuple[Role, ...] = ("department", "reception", "assisted", "security", "ado", "ops", "auditor")
Verb = Literal["disable", "reset"]
_LOGIN = r"^[A-Za-z0-9][A-Za-z0-9_\-:.]{0,63}$"
Login = Annotated[str, Path(pattern=_LOGIN)]
LoginTold = Annotated[str, Query(pattern=f"{_LOGIN}|^$")]
FIELDS = ("role", "name", "department", "site", "gate", "mobile")


@router.get("")
async def show_logins(view: AdoPage, after: str | None = None, told: LoginTold = "") -> Response:
    """All logins, by ID."""
    found = await view.caller.query(rpc.accounts.LIST_LOGINS, Page(after=after, limit=50))
    return view.html("logins/list.html", found=found, disabled=told)


@router.get("/new")
async def ask_login(view: AdoPage) -> Response:
    """For whom."""
    return await _form(view, {}, {})


@router.post("/new")
async def issue_login(view: AdoPage) -> Response:
    """A new login with its initial password."""
    form = await view.form()
    typed = {name: text_of(form, name) for name in FIELDS}
    try:
        wanted = IssueLogin.model_validate(
            {name: value or None for name, value in typed.items()} | {"language": view.language}
        )
        issued = await view.caller.command(rpc.accounts.ISSUE_LOGIN, wanted, key_of(form))
    except ValidationError as error:
        missing = {
            str(one["loc"][0]): _not_readable(str(one["loc"][0]), one["type"])
            for one in error.errors(include_input=False)
        }
        return await _form(view, typed, missing, 422)
    except InvalidInput as error:
        return await _form(view, typed, {one.field: one.code for one in error.body.fields}, 422)
    return view.html("logins/issued.html", issued=issued)


@router.get("/{login_id}/{verb}")
async def ask_whether(view: AdoPage, login_id: Login, verb: Verb) -> Response:
    """Whether it is really meant, and what comes of it."""
    return view.html("logins/confirm.html", login_id=login_id, verb=verb, refused=None)


@router.post("/{login_id}/reset")
async def reset_login(view: AdoPage, login_id: Login) -> Response:
    """A new initial password."""
    return await _carried_out(view, rpc.accounts.RESET_LOGIN, login_id, "reset")


@router.post("/{login_id}/disable")
async def disable_login(view: AdoPage, login_id: Login) -> Response:
    """Ends a login and all its sessions."""
    return await _carried_out(view, rpc.accounts.DISABLE_LOGIN, login_id, "disable")


async def _carried_out(view: View, method: Method[LoginId, Any], login_id: str, verb: Verb) -> Response:
    key = key_of(await view.form())
    try:
        answer = await view.caller.command(method, LoginId(login_id=login_id), key)
    except Conflict as error:
        return view.html("logins/confirm.html", 409, login_id=login_id, verb=verb, refused=error.body.code)
    if isinstance(answer, IssuedLogin):
        return view.html("logins/issued.html", issued=answer)
    return view.to("/desk/logins", told=login_id)


def _not_readable(field: str, kind: str) -> str:
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
