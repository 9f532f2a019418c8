"""The states of the page on which a department answers its visitors of today."""

from collections.abc import Iterator
from datetime import time, timedelta
from typing import Any
from uuid import UUID

from contracts.errors import Conflict, FieldError, InvalidInput, NotFound
from contracts.rpc.approval.visits import VISIT_BY_LINK, CalledList, CalledVisitor, VisitLine, VisitList
from services.chassis.runtime.clock import now
from tests.e2e.page_samples import State
from tests.support.factories.gateway import REFERENCE
from tests.support.factories.pages import REVIEW_ID

VISITS = "/desk/visits"


def line(number: int, state: str, **given: Any) -> VisitLine:
    """Return a visit of today; who has come came so many times seven minutes ago."""
    came = None if state == "expected" else now() - timedelta(minutes=7 * number)
    facts = {"party": 1, "site": "PCS1", "start": time(10), "end": time(12), "arrived_at": came}
    return VisitLine.model_validate(
        {
            "review_id": REVIEW_ID if number == 1 else UUID(int=number),
            "reference": REFERENCE,
            "name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ",
            "state": state,
            **facts,
            **given,
        }
    )


def of_today(*items: VisitLine, **more: Any) -> dict[str, Any]:
    """Return the answer with these visits."""
    counts = {
        "expected": 17, "late": 2, "reception": 1, "here": 3, "called": 2, "met": 41, "not_met": 3, "gone": 1,
        "differ": 1,
    }  # fmt: skip
    return {"approval.list_visits": VisitList(items=items, counts=counts, **more)}


def of_visits() -> Iterator[State]:
    """Yield each part of the day, an empty one, and an answer that is refused."""
    here = of_today(
        line(1, "here", officer="baldev", party=3),
        line(3, "waits", wait_until=now() + timedelta(minutes=20)),
        line(9, "here", name="Harjit Singh", is_overdue=True),
        next="on",
    )
    yield State("department", VISITS, answers=here)
    yield State("department", f"{VISITS}?open={REVIEW_ID}", answers=here)
    yield State("department", f"{VISITS}?notice=told", answers=of_today())
    called = of_today(line(1, "called", called_at=now(), room="4-31"), line(2, "called", called_at=now()))
    yield State("department", f"{VISITS}?part=called&notice=ended", answers=called)
    yield State("department", f"{VISITS}?part=called&open={REVIEW_ID}", answers=called)
    yield State(
        "department",
        f"{VISITS}?part=expected",
        answers=of_today(line(1, "expected"), line(2, "expected", standing=True)),
    )
    yield State("department", f"{VISITS}?part=late", answers=of_today(line(1, "expected")))
    yield State("department", f"{VISITS}?part=reception", answers=of_today(line(1, "expected", start=None)))
    yield State("department", f"{VISITS}?part=met&notice=over", answers=of_today(line(1, "met")))
    not_met = of_today(line(2, "not_met", reason="officer_away"))
    yield State("department", f"{VISITS}?part=not_met", answers=not_met)
    yield State("department", f"{VISITS}?part=gone&notice=has_left", answers=of_today(line(3, "gone")))
    differ = of_today(line(1, "met", visitor_says="not_met", day=now().date()))
    yield State("department", f"{VISITS}?part=differ", answers=differ)
    passed = InvalidInput(
        "no", fields=(FieldError(field="wait_until", code="wait_until_passed", message=""),)
    )
    wait = {"answer": "wait", "wait_until": "09:00"}
    refused = {**here, "approval.answer_visit": passed}
    yield State("department", f"{VISITS}/{REVIEW_ID}/answer", wait, refused, status=422)
    why = InvalidInput("no", fields=(FieldError(field="reason", code="not_met_reason_missing", message=""),))
    refused = {**called, "approval.end_visit": why}
    yield State("department", f"{VISITS}/{REVIEW_ID}/end", {"outcome": "not_met"}, refused, status=422)
    yield State("department", f"{VISITS}/{REVIEW_ID}/day")
    full = {"approval.answer_visit": Conflict("full", code="window_full")}
    chosen = {"slot": "2026-12-02 10:00 12:00"}
    yield State("department", f"{VISITS}/{REVIEW_ID}/day", chosen, full, status=409)
    yield State("department", f"{VISITS}/{REVIEW_ID}/day", {"slot": ""}, status=422)
    yield State("department", f"{VISITS}?notice=moved", answers=of_today())
    yield from of_links()
    yield State("reception", "/hall")
    calls = (
        CalledVisitor(reference=REFERENCE, room="4-31", called_at=now()),
        CalledVisitor(reference="PCS-0000-0001", called_at=now() - timedelta(minutes=6)),
    )
    yield State("reception", "/hall", answers={"approval.list_called": CalledList(items=calls)})


def of_links() -> Iterator[State]:
    """Yield the page behind the link of a message to an office."""
    link = "/v/q8Zr5uX0c2LmVw3T"
    visit = VISIT_BY_LINK.reply_example
    for state, given in (("here", {}), ("waits", {"wait_until": now()}), ("called", {"room": "402"})):
        facts = {"state": state, "arrived_at": now() - timedelta(minutes=12), **given}
        answers = {"approval.visit_by_link": visit.model_copy(update=facts)}
        yield State(None, link if state == "here" else f"{link}?notice=told", answers=answers)
    yield State(None, link, answers={"approval.visit_by_link": NotFound()}, status=404)
    yield State(None, link, {"answer": "not_today"})
    passed = InvalidInput(
        "no", fields=(FieldError(field="wait_until", code="wait_until_passed", message=""),)
    )
    wait = {"answer": "wait", "wait_until": "09:00"}
    yield State(None, link, wait, {"approval.answer_by_link": passed}, status=422)
    too_often = {"approval.answer_by_link": Conflict("no", code="answered_too_often")}
    yield State(None, link, {"answer": "come_up"}, too_often, status=409)
