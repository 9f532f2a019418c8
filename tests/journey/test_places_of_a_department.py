"""A department with places for so many people: no way to ask for a visit passes by a full window."""

from collections.abc import Iterator
from datetime import date

import pytest

from contracts.capacity import Capacity
from contracts.model import Slot
from contracts.rpc.application import Invite
from epass_client import calls
from tests.support.stack.running import eventually
from tests.support.system.actors import Applicant, Department, Staff, application, messages, slot, today

DAY = 4
"""How many days ahead; other journeys close a day from the twelfth on."""
VISIT = slot(DAY, "10:00", "12:00")


@pytest.fixture
def one_place(department: Department) -> Iterator[Department]:
    """Let the department take one person only on the weekday of ``DAY``, until the test ends."""
    narrow = date.fromisoformat(today(DAY)).weekday()
    week = [
        {"weekday": day, "opens": "00:00", "closes": "23:59", "places": 1 if day == narrow else 5_000}
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


def test_who_waits_for_a_place_takes_one_that_was_given_back_by_the_link_of_the_message(
    system, one_place: Department, applicant: Applicant
) -> None:
    wish = slot(DAY + 7, "10:00", "12:00")
    first, second = (applicant.apply(preferred=[wish], companions=[]) for _ in range(2))
    one_place.approve(first, **wish)
    eventually(lambda: applicant.view(first).pass_, "the first has the place")
    waiting = one_place.approve(second, **wish, wait_if_full=True)
    assert waiting.status == "pending"
    in_the_queue = one_place.review_of(second)
    assert in_the_queue.place is not None
    assert (in_the_queue.place.state, in_the_queue.place.before) == ("waits", 0)
    applicant.send(calls.cancel_application(first))
    (text,) = eventually(
        lambda: [
            one.text for one in messages(system, applicant.mobile, "place_offered") if second in one.text
        ],
        "the offer comes to the phone",
    )
    link = "/" + text.split("//")[-1].partition("/")[2].split()[0]
    http = system.http()
    shown = http.get(link)
    assert shown.status_code == 200
    assert second in shown.text
    form = {"key": "taken-by-link", "answer": "take"}
    taken = http.post(link, data=form, headers={"Sec-Fetch-Site": "same-origin"})
    assert taken.status_code == 303
    applicant.wait_for_pass(second)
