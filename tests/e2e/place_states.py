"""The states of the pages of those who wait for a place in a full window."""

from collections.abc import Iterator
from datetime import time, timedelta
from typing import Any

from contracts.errors import Conflict
from contracts.rpc.approval.capacity import Availability, CapacityView, DayAvailability, WindowAvailability
from contracts.rpc.approval.places import PlaceWait
from contracts.rpc.approval.reviews import QueueCounts, ReviewList, Whereabouts
from services.chassis.runtime.clock import now
from tests.e2e.page_samples import OWN, REVIEW, State
from tests.support.factories.gateway import REFERENCE
from tests.support.factories.pages import FIRST, review

CODE = "x7KmQ2p-9w"


def waits(state: str, **given: Any) -> PlaceWait:
    """Return a wait of a party of two."""
    facts = {"department": "home", "site": "PCS1", "slot": FIRST, "party": 2, "state": state}
    until = now() + timedelta(minutes=28) if state == "offered" else None
    wait = {"code": CODE, "reference": REFERENCE, **facts, "offered_until": until, **given}
    return PlaceWait.model_validate(wait)


def of_places() -> Iterator[State]:
    """Yield the page of a wait in each state, and the pages of applicant and department that tell of it."""
    for state in ("offered", "taken", "lapsed", "left", "over"):
        yield State(None, f"/w/{CODE}", answers={"approval.view_wait": waits(state)})
    for before in (0, 3):
        yield State(None, f"/w/{CODE}", answers={"approval.view_wait": waits("waits", before=before)})
    late = {"approval.view_wait": waits("lapsed")}
    yield State(None, f"/w/{CODE}?notice=too_late", answers=late)
    for wait in (waits("waits", before=3), waits("offered"), waits("lapsed")):
        found = Whereabouts(department="home", since=now(), place=wait, place_code=CODE)
        yield State("applicant", OWN, answers={"approval.whereabouts": found})
    for wait in (waits("waits", before=3), waits("offered")):
        yield State("department", REVIEW, answers={"approval.view_review": review(place=wait)})
    counts = QueueCounts(
        by_status=dict.fromkeys(("pending", "approved", "rejected", "returned", "withdrawn", "closed"), 1),
        at_counter=0, today=0, tomorrow=0, later=1, decided_today=2, waiting_for_place=2,
    )  # fmt: skip
    listed = ReviewList(items=(review(place=waits("waits")), review(place=waits("offered"))), counts=counts)
    yield State("department", "/desk?status=places", answers={"approval.list_reviews": listed})
    yield State("department", "/desk/capacity", answers={"approval.capacity": CapacityView(
        department="home", waiting=12
    )})  # fmt: skip
    full = WindowAvailability(start=time(10), end=time(12), places=20, free=0)
    places = Availability(limited=True, days=(DayAvailability(day=FIRST.day, windows=(full,)),))
    answers = {"approval.availability": places, "approval.approve": Conflict(code="window_full")}
    yield State("department", f"{REVIEW}/approve", {"slot": "2026-12-01 10:00 12:00"}, answers, status=409)
