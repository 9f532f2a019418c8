"""The pages of standing passes: the list of the department and of the ADO Branch, the desk, the pass."""

from collections.abc import Iterator
from datetime import date
from uuid import UUID

from contracts.errors import Conflict, InvalidInput
from contracts.rpc.approval.reviews import ReviewList
from contracts.rpc.approval.standing import LIST_STANDING, StandingPasses
from tests.e2e.page_samples import HALF_APPROVED, OWN, PHOTOGRAPH, REVIEW, VISITED, WALK_IN, WAY, State
from tests.support.factories.pages import APPLICATION, REVIEW_ID, review

ONE = LIST_STANDING.reply_example.items[0].model_copy(
    update={
        "review_id": REVIEW_ID, "weekdays": (0, 2, 4), "last_day": date(2027, 5, 28), "days": 72,
        "organisation": "Punjab Lifts Ltd", "reason": "He mends the lifts each week", "vehicle_allowed": True,
        "purpose": "Mends the lifts of both blocks", "approved_by": "HOM-0001", "photographed": True,
        "vehicle": "PB65AB1234", "officer": "baldev", "wished_until": date(2027, 6, 30),
    }
)  # fmt: skip
ALL = StandingPasses(
    items=tuple(
        ONE.model_copy(
            update={
                "state": state,
                "renewable": state == "in_force",
                "review_id": review_id,
                "photographed": state != "waiting",
            }
        )
        for state, review_id in zip(
            ("waiting", "in_force", "suspended"), (REVIEW_ID, UUID(int=1), UUID(int=2)), strict=True
        )
    ),
    most=200,
    next="on",
)


def of_standing() -> Iterator[State]:
    """Yield the pages of standing passes."""
    place = "/desk/standing"
    listed = {"approval.list_standing": ALL, "application.photograph": PHOTOGRAPH}
    held = tuple(one.model_copy(update={"suspended_by_ado": one.state == "suspended"}) for one in ALL.items)
    for role in ("ado", "department"):
        yield State(role, place, answers=listed)
        yield State(
            role, place, answers=listed | {"approval.list_standing": StandingPasses(items=held, most=9)}
        )
        yield State(role, place, answers={"approval.list_standing": StandingPasses(items=())})
    yield State("ado", f"{place}?notice=suspended", answers=listed)
    erased = StandingPasses(items=(ALL.items[0].model_copy(update={"photograph_erased": True}),))
    after = f"{place}?notice=standing_photograph_erased"
    yield State("ado", after, answers=listed | {"approval.list_standing": erased})
    yield State("ado", f"{place}?notice=standing_changed", answers=listed)
    missing = listed | {"approval.settle_standing": InvalidInput.of("note", "required")}
    yield State("ado", f"{place}/{REVIEW_ID}", {"step": "end", "note": ""}, missing, status=422)
    wanted = {"slot": "2026-12-01 10:00 12:00", "last_day": "2027-05-28", "weekdays": "1"}
    full = {"approval.approve": Conflict(code="standing_full")}
    yield State("department", f"{REVIEW}/approve", wanted, full, status=409)
    sent = review(standing_state="waiting", first_approval=HALF_APPROVED)
    yield State("department", f"{REVIEW}?notice=standing_sent", answers={"approval.view_review": sent})
    asked = review(weekly_until=date(2027, 5, 28), vehicle="PB65AB1234")
    yield State("department", REVIEW, answers={"approval.view_review": asked})
    queue = {"approval.list_reviews": ReviewList(items=(asked,))}
    yield State("department", "/desk", answers=queue)
    for code in ("standing_no_photograph", "standing_not_asked_for"):
        refused = {"approval.approve": Conflict(code=code)}
        yield State("department", f"{REVIEW}/approve", wanted, refused, status=409)
    yield from of_wishes()


def of_wishes() -> Iterator[State]:
    """Yield the pages on which somebody who comes each week asks for a standing pass, and is photographed."""
    path, visit = VISITED
    weekly = visit | {"weekly": "yes", "weekly_until": "2027-05-28"}
    way = (*WAY[:2], (path, weekly))
    yield State("applicant", path, visit | {"weekly": "yes"}, before=WAY[:2], status=422)
    yield State("applicant", "/apply/check", before=way)
    yield State("applicant", "/apply/done", before=(*way, ("/apply/check", None)))
    waiting = {"weekly_until": date(2027, 5, 28), "needs_photograph": True, "status": "submitted"}
    sent = {"application.view": APPLICATION.model_copy(update=waiting)}
    yield State("applicant", OWN, answers=sent)
    at_counter = f"/counter{OWN}"
    yield State("reception", at_counter, answers=sent)
    yield State("reception", f"{at_counter}/camera", {"photograph": ""}, sent, status=422)
    yield State("reception", f"{at_counter}?notice=photographed", answers=sent)
    needed = {"application.submit_at_counter": InvalidInput.of("photograph", "photograph_needed")}
    form = WALK_IN | {"weekly_until": "2027-05-28"}
    yield State("reception", "/counter/apply", form, needed, status=422)
