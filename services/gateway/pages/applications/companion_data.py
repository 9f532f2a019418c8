"""What is kept about somebody who came along: shown by the pass number and the last four of their own card.

They have signed in with a mobile of their own. See decision 76.
"""

from fastapi import Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import InvalidInput
from contracts.rpc.companions import COMPANION, CompanionQuestion, CompanionView
from contracts.rpc.own_data import OwnDataQuestion
from services.gateway.pages.shared import directory
from services.gateway.pages.shared.forms import problems_of, text_of
from services.gateway.pages.shared.view import ApplicantPage, View, page_router

router = page_router("")
PLACE = "/my-data/companion"
ASKED = ("number", "name", "id_last4")
MISSING = {"name": "name_missing"}


@router.get("/my-data/companion")
async def show_companion(view: ApplicantPage) -> Response:
    """Ask who came along, or show the line of whoever has just said so."""
    found = view.read_result()
    if not found:
        return _form(view, {}, {})
    own = CompanionView.model_validate(found)
    of_pass = OwnDataQuestion(references=(own.reference,), numbers=(own.number,))
    at_gates = await view.try_query(rpc.verify.OWN_DATA, of_pass)
    scans = [one for one in at_gates.items if one.kind == "scans"] if at_gates else []
    return view.html(
        "my_data/companion.html",
        own=own,
        gates=None if at_gates is None else [code for one in scans for code in one.receivers],
        names=await directory.place_names(view),
        gate_name=await directory.gate_names(view),
    )


@router.post("/my-data/companion")
async def look_up_companion(view: ApplicantPage) -> Response:
    """Look for the line, which is kept in the browser, sealed, for ten minutes; what was typed is not."""
    form = await view.form()
    typed = {name: text_of(form, name) for name in ASKED}
    try:
        own = await view.command(COMPANION, CompanionQuestion.model_validate(typed))
    except (ValidationError, InvalidInput) as error:
        return _form(view, typed, problems_of(error, MISSING), 422)
    return view.save_result(view.to(PLACE), PLACE, own.model_dump(mode="json"))


def _form(view: View, typed: dict[str, str], errors: dict[str, str], status: int = 200) -> Response:
    return view.html("my_data/companion.html", status, own=None, typed=typed, errors=errors)
