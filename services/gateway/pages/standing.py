"""Standing passes: which wait for the ADO Branch, which are in force, and what becomes of one."""

from typing import Annotated
from uuid import UUID

from fastapi import Query, Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Conflict, IdempotencyKeyReused, InvalidInput, NotFound
from contracts.rpc.approval.standing import SettleStanding, StandingQuestion
from services.gateway.pages.shared import directory, photograph
from services.gateway.pages.shared.forms import key_of, problems_of, text_of
from services.gateway.pages.shared.view import AdoPage, CloserPage, View, page_router

router = page_router("/desk/standing")
DONE = {
    "approve": "approved", "refuse": "refused", "suspend": "suspended", "lift": "lifted", "end": "ended",
}  # fmt: skip
"""Step → notice of the page."""
NO_PHOTOGRAPH = ("standing_no_photograph", "standing_photograph_erased")
REFUSED = ("standing_changed", "standing_over", "standing_full", "standing_in_force", "standing_off",
           "standing_one_person", *NO_PHOTOGRAPH, "standing_other_photograph", "second_officer")  # fmt: skip
"""Refusals of which the page tells; any other says that somebody else acted first."""
After = Annotated[str, Query(max_length=200)]


@router.get("")
async def show_standing(view: CloserPage, after: After = "") -> Response:
    return await _list_page(view, {}, {}, after=after)


@router.get("/{review_id}/photograph")
async def show_photograph(view: AdoPage, review_id: UUID) -> Response:
    """Show who asks for a standing pass or has one; of other applications the ADO Branch sees none."""
    question = StandingQuestion(review_id=review_id)
    found = await view.query(rpc.approval.standing.LIST_STANDING, question)
    if not found.items:
        raise NotFound("there is no such standing pass")
    return await photograph.picture(view, found.items[0].reference, found.items[0].photograph_proof)


@router.post("/{review_id}")
async def settle_standing(view: CloserPage, review_id: UUID) -> Response:
    """Carry out a step with a standing pass, once for each key."""
    form = await view.form()
    typed = {"review": str(review_id), "step": text_of(form, "step"), "note": text_of(form, "note")}
    try:
        wanted = SettleStanding.model_validate(
            {
                "review_id": review_id,
                "step": typed["step"],
                "note": typed["note"],
                "photograph": text_of(form, "photograph") or None,
            }
        )
        await view.command(rpc.approval.standing.SETTLE_STANDING, wanted, key_of(form))
    except (ValidationError, InvalidInput) as error:
        return await _list_page(view, typed, problems_of(error, {"note": "required"}), 422)
    except (Conflict, IdempotencyKeyReused) as error:
        code = error.body.code if error.body.code in REFUSED else REFUSED[0]
        if wanted.step == "lift" and code in NO_PHOTOGRAPH:
            code = "lift_without_photograph"
        return view.to("/desk/standing", notice=code)
    return view.to("/desk/standing", notice=DONE[wanted.step])


async def _list_page(
    view: View, typed: dict[str, str], errors: dict[str, str], status: int = 200, *, after: str = ""
) -> Response:
    question = StandingQuestion(after=after or None)
    found = await view.query(rpc.approval.standing.LIST_STANDING, question)
    sponsors = {
        officer.code: officer
        for department in {one.department for one in found.items if one.officer}
        for officer in await directory.officers(view, department)
    }
    return view.html(
        "standing/list.html",
        status,
        found=found,
        typed=typed,
        errors=errors,
        sponsors=sponsors,
        names=await directory.department_names(view),
        is_ado=view.principal.role == "ado",
    )
