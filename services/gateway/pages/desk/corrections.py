"""The correction of an approved visit, which its department confirms or refuses."""

from uuid import UUID

from fastapi import Response
from pydantic import ValidationError

from contracts import rpc
from contracts.errors import Conflict, Forbidden, IdempotencyKeyReused, InvalidInput
from contracts.rpc.approval.decisions import SETTLE_CORRECTION, SettleCorrection
from contracts.rpc.approval.reviews import ReviewId
from services.gateway.pages.desk.decisions import REFUSED
from services.gateway.pages.shared.forms import key_of, number_of, problems_of, text_of
from services.gateway.pages.shared.view import DepartmentPage, View, page_router

router = page_router("/desk")
OVER = ("already_settled", "application_changed")


@router.get("/reviews/{review_id}/correction")
async def show_correction(view: DepartmentPage, review_id: UUID) -> Response:
    """Show what is to be corrected: as it is, and as the visitor wants it."""
    return await _page(view, review_id, "", {})


@router.post("/reviews/{review_id}/correction")
async def settle(view: DepartmentPage, review_id: UUID) -> Response:
    """Confirm or refuse a correction, once for each key."""
    form = await view.form()
    place, note = f"/desk/reviews/{review_id}", text_of(form, "note")
    given = {
        "review_id": review_id,
        "number": number_of(form, "number"),
        "confirm": {"yes": True, "no": False}.get(text_of(form, "confirm")),
        "note": note,
        "on_behalf_of": text_of(form, "on_behalf_of") or None,
    }
    try:
        review = await view.command(SETTLE_CORRECTION, SettleCorrection.model_validate(given), key_of(form))
    except (ValidationError, InvalidInput) as error:
        found = problems_of(error).items()
        problems = {field if field == "note" else "confirm": code for field, code in found}
        return await _page(view, review_id, note, problems, 422)
    except (Conflict, IdempotencyKeyReused, Forbidden) as error:
        code = error.body.code
        if isinstance(error, IdempotencyKeyReused) or code in OVER:
            return view.to(place, notice="correction_settled")
        if code in REFUSED:
            return view.to(place, notice=code)
        if isinstance(error, Forbidden):
            raise
        return await _page(view, review_id, note, {"confirm": code}, 409)
    return view.to(place, notice="done" if review.correction is None else "second_officer")


async def _page(
    view: View, review_id: UUID, note: str, errors: dict[str, str], status: int = 200
) -> Response:
    review = await view.query(rpc.approval.reviews.VIEW_REVIEW, ReviewId(review_id=review_id))
    if review.correction is None:
        return view.to(f"/desk/reviews/{review_id}", notice="correction_settled" if errors else "")
    return view.html("desk/correction.html", status, review=review, errors=errors, typed={"note": note})
