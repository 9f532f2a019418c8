"""The ADO Branch's desk: logins are issued, disabled and reset here. An initial password is shown once and never again."""

from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Conflict, InvalidInput
from contracts.model import Role
from contracts.rpc import IssueLogin, LoginId, Page
from services.gateway.pages.apply import choices
from services.gateway.pages.failing import PageRoute
from services.gateway.pages.view import AdoPage, View, text_of

router = APIRouter(prefix="/{language:lang}/desk/logins", include_in_schema=False, route_class=PageRoute)
ROLES: tuple[Role, ...] = ("department", "reception", "security", "ado", "ops", "auditor")
FIELDS = ("role", "name", "department", "site", "gate", "mobile")


@router.get("")
async def show_logins(view: AdoPage, after: str | None = None) -> Response:
    """All logins, by ID."""
    found = await view.caller.ask(rpc.LIST_LOGINS, Page(after=after, limit=50))
    return view.html("logins/list.html", found=found)


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
        wanted = IssueLogin.model_validate({name: value or None for name, value in typed.items()} | {"language": view.language})
        issued = await view.caller.command(rpc.ISSUE_LOGIN, wanted, text_of(form, "key") or str(uuid4()))
    except ValidationError as error:
        missing = {str(one["loc"][0]): f"{one['loc'][0]}_missing" for one in error.errors(include_input=False)}
        return await _form(view, typed, missing, 422)
    except InvalidInput as error:
        return await _form(view, typed, {one.field: one.code for one in error.body.fields}, 422)
    return view.html("logins/issued.html", issued=issued)


@router.post("/{login_id}/reset")
async def reset_login(view: AdoPage, login_id: str) -> Response:
    """A new initial password."""
    key = text_of(await view.form(), "key") or str(uuid4())
    issued = await view.caller.command(rpc.RESET_LOGIN, LoginId(login_id=login_id), key)
    return view.html("logins/issued.html", issued=issued)


@router.post("/{login_id}/disable")
async def disable_login(view: AdoPage, login_id: str) -> Response:
    """Ends a login and all its sessions."""
    key = text_of(await view.form(), "key") or str(uuid4())
    try:
        await view.caller.command(rpc.DISABLE_LOGIN, LoginId(login_id=login_id), key)
    except Conflict as error:
        found = await view.caller.ask(rpc.LIST_LOGINS, Page(limit=50))
        return view.html("logins/list.html", 409, found=found, refused=error.body.code)
    return view.to("/desk/logins")


async def _form(view: View, typed: dict[str, Any], errors: dict[str, str], status: int = 200) -> Response:
    sites = await choices.sites(view)
    departments = (await view.caller.replica.departments.get()).items
    return view.html("logins/new.html", status, roles=ROLES, sites=sites, departments=departments, typed=typed, errors=errors)
