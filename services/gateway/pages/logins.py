"""The desk of the ADO Branch: list, issue, extend, sign out, disable and reset logins."""

import asyncio
from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from fastapi import Path, Query, Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Conflict, InvalidInput
from contracts.model import DEVICE_ROLES, Code, LoginState, Role
from contracts.rpc.accounts.sessions import EndedSessions
from contracts.rpc.call import Method
from contracts.rpc.requests import LIST_REQUESTS, RequestQuestion
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.forms import key_of, problems_of, text_of
from services.gateway.pages.shared.languages import ENDONYMS, LANGUAGES
from services.gateway.pages.shared.view import SEEN, AdoPage, View, page_router

router = page_router("/desk/logins")
ROLES: tuple[Role, ...] = (
    "department", "reception", "assisted", "security", "ado", "ops", "auditor", "grievance", "privacy",
)  # fmt: skip
STATES: tuple[LoginState, ...] = ("active", "never_used", "expired", "disabled")
Verb = Literal["disable", "reset", "sign-out", "reset-factor"]
Some = Annotated[Code | Literal[""], Query()]
"""The filter of a list; empty admits all."""
Login = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9_\-:.]{0,63}$")]
_DONE: dict[Verb, str] = {"disable": "disabled", "reset-factor": "factor-reset"}
"""What the page of a login says afterwards."""
ISSUED = "/desk/logins/issued"
MISSING = {"role": "role_missing", "name": "name_missing", "valid_until": "not_a_date"}
"""Field → code of its problem where its value cannot be read; any other field is a choice."""
FIELDS = ("role", "name", "department", "assistant_of", "site", "gate", "mobile", "valid_until")


@router.get("")
async def show_logins(
    view: AdoPage,
    role: Role | Literal[""] = "",
    department: Some = "",
    site: Some = "",
    state: LoginState | Literal[""] = "",
    after: str = "",
) -> Response:
    """Show the logins that the filters admit, by ID, and how many there are of each state."""
    filters = {"role": role, "department": department, "site": site}
    chosen = {name: value for name, value in {**filters, "state": state}.items() if value}
    question = rpc.accounts.logins.LoginQuestion.model_validate(
        {**chosen, "after": after or None, "limit": 50}
    )
    found = await view.query(rpc.accounts.logins.LIST_LOGINS, question)

    def address_with(**changed: str) -> str:
        """Return the address of the first page with some filters changed; an empty one is taken off."""
        query = urlencode({name: value for name, value in {**chosen, **changed}.items() if value})
        return view.path("/desk/logins") + (f"?{query}" if query else "")

    return view.html(
        "logins/list.html",
        found=found,
        filters=filters,
        state=state,
        states=STATES,
        is_first=not after,
        address_with=address_with,
        roles=(*ROLES, *sorted(DEVICE_ROLES)),
        late=0 if chosen or after else await _late_requests(view),
        **await _places(view),
    )


async def _late_requests(view: View) -> int:
    """Return how many requests of people are late; the ADO Branch begins here, and sees it."""
    found = await view.try_query(LIST_REQUESTS, RequestQuestion(limit=1), soon=True)
    return found.late if found else 0


async def _places(view: View) -> dict[str, Any]:
    """Return sites and departments, for choosing one and for their names."""
    return {
        "sites": await directory.sites(view),
        "departments": (await view.caller.state.departments.get()).items,
        "place_names": await directory.place_names(view),
    }


@router.get("/new")
async def ask_login(view: AdoPage, like: Annotated[str, Query(max_length=64)] = "") -> Response:
    """Show an empty form; ``like`` is the code of a department that is to have a login."""
    return await _form(view, {"role": "department", "department": like} if like else {}, {})


@router.post("/new")
async def issue_login(view: AdoPage) -> Response:
    form = await view.form()
    typed = {name: text_of(form, name) for name in FIELDS}
    try:
        given = {name: value or None for name, value in typed.items()} | {"language": view.language}
        wanted = rpc.accounts.logins.IssueLogin.model_validate(given | _assistant(typed))
        issued = await view.command(rpc.accounts.logins.ISSUE_LOGIN, wanted, key_of(form))
    except (ValidationError, InvalidInput) as error:
        return await _form(view, typed, problems_of(error, MISSING), 422)
    return _to_issued(view, issued)


@router.get("/issued")
async def show_issued(view: AdoPage) -> Response:
    """Show an initial password, once; a repeat says how to get another one."""
    kept = view.read_result()
    if not kept:
        return view.to("/desk/logins")
    response = view.html("logins/issued.html", issued=rpc.accounts.logins.IssuedLogin.model_validate(kept))
    return view.save_result(response, ISSUED, kept | SEEN)


def _to_issued(view: View, issued: rpc.accounts.logins.IssuedLogin) -> Response:
    return view.save_result(view.to(ISSUED), ISSUED, issued.model_dump(mode="json"))


@router.get("/{login_id}")
async def show_login(view: AdoPage, login_id: Login) -> Response:
    return await _login(view, login_id, {})


@router.post("/{login_id}")
async def extend_login(view: AdoPage, login_id: Login) -> Response:
    form = await view.form()
    typed = text_of(form, "valid_until")
    try:
        last_day = date.fromisoformat(typed) if typed else None
    except ValueError:
        return await _login(view, login_id, {"valid_until": "not_a_date"}, typed, 422)
    wanted = rpc.accounts.logins.ExtendLogin(login_id=login_id, valid_until=last_day)
    try:
        await view.command(rpc.accounts.logins.EXTEND_LOGIN, wanted, key_of(form))
    except InvalidInput as error:
        return await _login(view, login_id, problems_of(error), typed, 422)
    except Conflict as error:
        return await _login(view, login_id, {"valid_until": error.body.code}, typed, 409)
    return view.to(f"/desk/logins/{login_id}", notice="extended")


async def _login(
    view: View, login_id: str, errors: dict[str, str], typed: str | None = None, status: int = 200
) -> Response:
    shown = await view.query(rpc.accounts.logins.VIEW_LOGIN, rpc.accounts.logins.LoginId(login_id=login_id))
    last_day = shown.valid_until.isoformat() if shown.valid_until else ""
    typed = last_day if typed is None else typed
    return view.html(
        "logins/login.html", status, shown=shown, errors=errors, typed=typed, **await _places(view)
    )


@router.get("/{login_id}/mobile")
async def ask_mobile(view: AdoPage, login_id: Login) -> Response:
    """Ask for the mobile on which the holder of a login is told of what happens to it."""
    return await _mobile(view, login_id, {})


@router.post("/{login_id}/mobile")
async def set_mobile(view: AdoPage, login_id: Login) -> Response:
    form = await view.form()
    typed = {name: text_of(form, name) for name in ("mobile", "language")}
    language = next((one for one in LANGUAGES if one == typed["language"]), None)
    errors = {} if typed["mobile"] else {"mobile": "mobile_missing"}
    errors |= {} if language else {"language": "choose_one"}
    if errors or language is None:
        return await _mobile(view, login_id, errors, typed, 422)
    wanted = rpc.accounts.logins.SetLoginMobile(
        login_id=login_id, mobile=typed["mobile"][:40], language=language
    )
    try:
        await view.command(rpc.accounts.logins.SET_LOGIN_MOBILE, wanted, key_of(form))
    except InvalidInput as error:
        return await _mobile(view, login_id, {"mobile": error.body.fields[0].code}, typed, 422)
    except Conflict as error:
        return await _mobile(view, login_id, {"mobile": error.body.code}, typed, 409)
    return view.to(f"/desk/logins/{login_id}", notice="mobile-set")


async def _mobile(
    view: View, login_id: str, errors: dict[str, str], typed: dict[str, str] | None = None, status: int = 200
) -> Response:
    shown = await view.query(rpc.accounts.logins.VIEW_LOGIN, rpc.accounts.logins.LoginId(login_id=login_id))
    given = typed or {"mobile": "", "language": view.language}
    choices = [{"value": code, "text": ENDONYMS[code]} for code in LANGUAGES]
    return view.html("logins/mobile.html", status, shown=shown, errors=errors, typed=given, choices=choices)


@router.get("/{login_id}/{verb}")
async def confirm(view: AdoPage, login_id: Login, verb: Verb) -> Response:
    return view.html("logins/confirm.html", login_id=login_id, verb=verb, refused=None)


@router.post("/{login_id}/reset")
async def reset_login(view: AdoPage, login_id: Login) -> Response:
    return await _carry_out(view, rpc.accounts.logins.RESET_LOGIN, login_id, "reset")


@router.post("/{login_id}/disable")
async def disable_login(view: AdoPage, login_id: Login) -> Response:
    return await _carry_out(view, rpc.accounts.logins.DISABLE_LOGIN, login_id, "disable")


@router.post("/{login_id}/sign-out")
async def sign_out_login(view: AdoPage, login_id: Login) -> Response:
    return await _carry_out(view, rpc.accounts.logins.END_SESSIONS, login_id, "sign-out")


@router.post("/{login_id}/reset-factor")
async def reset_factor(view: AdoPage, login_id: Login) -> Response:
    """Remove the authenticator app of somebody who has lost it."""
    return await _carry_out(view, rpc.accounts.logins.RESET_FACTOR, login_id, "reset-factor")


async def _carry_out(view: View, method: Method[Any, Any], login_id: str, verb: Verb) -> Response:
    try:
        answer = await view.carry_out(method, rpc.accounts.logins.LoginId(login_id=login_id))
    except Conflict as error:
        return view.html("logins/confirm.html", 409, login_id=login_id, verb=verb, refused=error.body.code)
    if isinstance(answer, rpc.accounts.logins.IssuedLogin):
        return _to_issued(view, answer)
    notice = f"signed-out-{answer.ended}" if isinstance(answer, EndedSessions) else _DONE[verb]
    return view.to(f"/desk/logins/{login_id}", notice=notice)


def _assistant(typed: dict[str, str]) -> dict[str, str]:
    """Return the officer whom an assistant serves, and their department.

    Raises:
        InvalidInput: another department was chosen.
    """
    if not typed["assistant_of"]:
        return {}
    department, _bar, officer = typed["assistant_of"].partition("|")
    if typed["department"] not in {"", department}:
        raise InvalidInput.of("assistant_of", "other_department")
    return {"department": department, "assistant_of": officer}


async def _form(view: View, typed: dict[str, Any], errors: dict[str, str], status: int = 200) -> Response:
    places = await _places(view)
    departments = places["departments"]
    found = await asyncio.gather(*(directory.officers(view, one.code) for one in departments))
    officers = list(zip(departments, found, strict=True))
    return view.html(
        "logins/new.html", status, roles=ROLES, typed=typed, errors=errors, officers=officers, **places
    )
