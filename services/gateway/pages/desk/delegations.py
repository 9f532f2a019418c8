"""Who is away, and who decides for them: the delegations of a department, made and ended on one page."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import InvalidInput
from contracts.model import IST
from contracts.rpc.approval.decisions import Delegate, DelegationId
from contracts.rpc.call import Nothing, Page
from services.chassis.runtime.clock import now
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.forms import key_of, problems_of, text_of
from services.gateway.pages.shared.view import DepartmentPage, View, page_router

router = page_router("/desk/delegations")
FIELDS = ("officer", "login", "stand_in", "first_day", "last_day")
NOT_READABLE = {"first_day": "date_missing", "last_day": "date_missing"}
"""Field → code of its problem where its value cannot be read; any other field is a choice."""


@router.get("")
async def show_delegations(view: DepartmentPage, after: str | None = None) -> Response:
    """Show who decides for whom, the newest first, and the form for another delegation."""
    return await _page(view, {}, {}, after=after)


@router.post("")
async def delegate(view: DepartmentPage) -> Response:
    form = await view.form()
    typed = {name: text_of(form, name) for name in FIELDS}
    try:
        wanted = Delegate.model_validate({name: value or None for name, value in typed.items()})
        if wanted.login not in await _colleagues(view):
            raise InvalidInput.of("login", "choose_one")
        await view.command(rpc.approval.decisions.DELEGATE, wanted, key_of(form))
    except (ValidationError, InvalidInput) as error:
        return await _page(view, typed, problems_of(error, NOT_READABLE), 422)
    return view.to("/desk/delegations", notice="delegated")


@router.post("/{delegation_id}/end")
async def end_delegation(view: DepartmentPage, delegation_id: UUID) -> Response:
    await view.carry_out(rpc.approval.decisions.END_DELEGATION, DelegationId(delegation_id=delegation_id))
    return view.to("/desk/delegations", notice="ended")


async def _page(
    view: View, typed: dict[str, str], errors: dict[str, str], status: int = 200, *, after: str | None = None
) -> Response:
    at = now()
    found = await view.query(rpc.approval.decisions.LIST_DELEGATIONS, Page(after=after, limit=50))
    people = await directory.officers(view, view.principal.department or "")
    today = at.astimezone(IST).date().isoformat()
    values: dict[str, Any] = {
        "found": found,
        "officers": {one.code: one for one in people},
        "colleagues": await _colleagues(view),
        "may_delegate": view.principal.assistant_of is None,
        "typed": {"first_day": today, "last_day": today, **typed},
        "errors": errors,
        "at": at,
        "day_of": _day_of,
    }
    return view.html("desk/delegations.html", status, **values)


def _day_of(instant: datetime, *, first: bool = False) -> date:
    """Return the first day of a period from its beginning, or its last day from its end."""
    return (instant if first else instant - timedelta(microseconds=1)).astimezone(IST).date()


async def _colleagues(view: View) -> dict[str, str]:
    """Return the logins of the department with the names of their holders."""
    found = await view.query(rpc.accounts.logins.COLLEAGUES, Nothing())
    return {one.login_id: one.name for one in found.items}
