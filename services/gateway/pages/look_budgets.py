"""The page on which the ADO Branch decides of how many people a login may see data in an hour."""

from typing import Any

from fastapi import Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import InvalidInput
from contracts.rpc.accounts.look_budgets import DEFAULTS, LookBudget, SetLookBudgets
from contracts.rpc.call import Nothing
from services.gateway.pages.shared.forms import key_of, number_of, problems_of, text_of
from services.gateway.pages.shared.view import AdoPage, View, page_router

router = page_router("/desk/look-budgets")


@router.get("")
async def show_budgets(view: AdoPage) -> Response:
    return await _page(view)


@router.post("")
async def set_budgets(view: AdoPage) -> Response:
    """Set the budgets of all roles; an empty second number refuses nobody."""
    form = await view.form()
    typed = {
        role: {name: text_of(form, f"{role}_{name}") for name in LookBudget.model_fields} for role in DEFAULTS
    }
    errors: dict[str, str] = {}
    roles = {}
    for role, given in typed.items():
        names = [name for name, text in given.items() if text or name == "warn"]
        try:
            numbers = {name: number_of(form, f"{role}_{name}") or 0 for name in names}
            roles[role] = LookBudget.model_validate(numbers)
        except ValidationError as error:
            errors |= {f"{role}_{one['loc'][0]}": "not_a_budget" for one in error.errors(include_input=False)}
    if errors:
        return await _page(view, typed, errors)
    try:
        wanted = SetLookBudgets(roles=roles)
        await view.command(rpc.accounts.look_budgets.SET_LOOK_BUDGETS, wanted, key_of(form))
    except InvalidInput as error:
        return await _page(view, typed, problems_of(error))
    return view.to("/desk/look-budgets", notice="saved")


async def _page(view: View, typed: Any = None, errors: dict[str, str] | None = None) -> Response:
    decided = await view.query(rpc.accounts.look_budgets.LOOK_BUDGETS, Nothing())
    shown = {"typed": typed or decided.roles, "errors": errors or {}, "decided": decided}
    return view.html("logins/look_budgets.html", 422 if errors else 200, **shown)
