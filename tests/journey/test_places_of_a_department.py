"""A department with places for so many people: no way to ask for a visit passes by a full window."""

import re
from collections.abc import Iterator
from datetime import date

import pytest

from contracts.capacity import Capacity
from contracts.model import Slot
from contracts.rpc.application import Invite
from epass_client import calls
from tests.support.stack.running import eventually
from tests.support.system.actors import Applicant, Department, Staff, application, messages, slot, today
from tests.support.system.page_reader import SAME_SITE, hidden

DAY = 4
"""How many days ahead; other journeys close a day from the twelfth on."""
VISIT = slot(DAY, "10:00", "12:00")


@pytest.fixture
def one_place(department: Department) -> Iterator[Department]:
    """Let the department take one person only tomorrow and on the weekday of ``DAY``, until the test ends."""
    narrow = {date.fromisoformat(today(days)).weekday() for days in (1, DAY)}
    week = [
        {"weekday": day, "opens": "00:00", "closes": "23:59", "places": 1 if day in narrow else 5_000}
        for day in range(7)
    ]
    capacity = Capacity.model_validate({"window_minutes": 720, "days": week})
    department.send(calls.set_capacity(capacity))
    yield department
    department.send(calls.set_capacity(None))


def problems(response) -> dict[str, str]:
    assert response.status_code == 422, response.text
    return {error["field"]: error["code"] for error in response.json()["errors"]}


def test_no_application_is_taken_for_a_window_without_a_place(
    one_place: Department, applicant: Applicant, reception: Staff
) -> None:
    body = application(preferred=[slot(DAY - 1), VISIT])
    expected = {"preferred.1.from": "window_full"}
    assert problems(applicant.post("/applications", body)) == expected
    assert problems(reception.post("/counter/applications", body | {"mobile": None})) == expected
    assert not applicant.send(calls.list_applications()).items
    alone = applicant.apply(preferred=[VISIT], companions=[])
    later = {"preferred": [slot(DAY - 2), VISIT]}
    assert applicant.post(f"/applications/{alone}/amend", later).status_code == 200, "one finds a place"


def test_a_repeat_is_answered_although_the_command_took_the_last_place_itself(
    one_place: Department, applicant: Applicant
) -> None:
    guest = {"name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "mobile": applicant.mobile}
    content = {"site": "PCS1", "purpose_kind": "meeting", "purpose": "Budget talks", "slot": VISIT}
    call = calls.invite_visitors(Invite.model_validate(content | {"visitors": [guest]}))
    invited = one_place.send(call)
    applicant.wait_for_pass(invited.references[0])

    day = Slot.model_validate(VISIT).day

    def free() -> list[int]:
        found = one_place.send(calls.list_availability("home", site="PCS1")).days
        return [window.free for one in found if one.day == day for window in one.windows]

    eventually(lambda: 0 in free(), "the visit has taken the place")
    assert one_place.send(call) == invited
    again = one_place.post("/invitations", content | {"visitors": [{"name": "Ravi Kumar"}]})
    assert problems(again) == {"slot.from": "window_full"}
    waiting = applicant.post("/applications", application(preferred=[VISIT], companions=[]))
    assert problems(waiting) == {"preferred.0.from": "window_full"}


def test_who_does_not_come_says_so_by_the_link_and_the_place_goes_to_who_waits_for_it(
    system, one_place: Department, applicant: Applicant
) -> None:
    wish, waiter = slot(1, "10:00", "12:00"), Applicant(system)
    first, second = (one.apply(preferred=[wish], companions=[]) for one in (applicant, waiter))
    one_place.approve(first, **wish)

    def links(mobile: str, purpose: str) -> list[str]:
        texts = [f"{one.link} {one.text}" for one in messages(system, mobile, purpose)]
        return [found[0] for one in texts if (found := re.search(r"/[pw]/[\w-]+", one))]

    (its_pass,) = eventually(lambda: links(applicant.mobile, "pass_issued"), "the pass comes to the phone")
    waiting = one_place.approve(second, **wish, wait_if_full=True)
    assert waiting.status == "pending"
    in_the_queue = one_place.review_of(second)
    assert in_the_queue.place is not None
    assert (in_the_queue.place.state, in_the_queue.place.before) == ("waits", 0)

    http = system.http()
    http.headers.update(SAME_SITE)
    asked = http.get(f"{its_pass}?in=en")
    assert "Are you coming?" in asked.text
    said = http.post(f"/en{its_pass}", data={**hidden(asked), "answer": "not_coming"})
    assert (said.status_code, said.headers["location"]) == (303, f"{its_pass}?in=en&said=not_coming")
    applicant.wait_for(first, "cancelled")
    eventually(lambda: "This visit was cancelled" in http.get(f"{its_pass}?in=en").text, "the pass ends")

    (offer,) = eventually(lambda: links(waiter.mobile, "place_offered"), "the offer comes to who waits")
    shown = http.get(f"/en{offer}")
    assert second in shown.text
    assert http.post(f"/en{offer}", data={**hidden(shown), "answer": "take"}).status_code == 303
    waiter.wait_for_pass(second)
