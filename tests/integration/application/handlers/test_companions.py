"""Who came along sees their own line; whoever has the pass, its number and its names does not."""

from datetime import timedelta

import pytest

from contracts.crockford import new_pass_number
from contracts.errors import Forbidden, InvalidInput, TooManyAttempts
from contracts.rpc.call import Call
from contracts.rpc.companions import CompanionQuestion, CompanionView
from services.application.handlers import companions
from services.application.handlers.scheduled_jobs import erase_ended
from services.application.settings import ApplicationSettings
from tests.support.factories.application import (
    NOW,
    TUESDAY,
    Desk,
    Elsewhere,
    applicant_call,
    companion,
    form,
)
from tests.support.stack.settings import make_settings

HARJIT = {"name": "Harjit Singh", "id_last4": "0917"}


def mine(number: int) -> Call:
    """Return the call of somebody with a mobile of their own."""
    return applicant_call(f"+9198000{number:05}")


def look(desk: Desk, number: str, call: Call | None = None, at=NOW, **changes: str) -> CompanionView:
    asked = CompanionQuestion(number=number, **{**HARJIT, **changes})
    settings = make_settings(ApplicationSettings)
    return companions.view(asked, call or mine(1), desk.database, at, settings)


def refused(desk: Desk, number: str, call: Call | None = None, at=NOW, **changes: str) -> str:
    with pytest.raises(InvalidInput) as refusal:
        look(desk, number, call, at, **changes)
    return refusal.value.body.fields[0].code


@pytest.fixture
def number(desk: Desk) -> str:
    """Return the number of a pass for somebody with two companions, one of them a child."""
    coming = [companion(), {"name": "Simran Kaur", "child": True}]
    reference = desk.submit(form(companions=coming)).reference
    number, elsewhere = new_pass_number(), Elsewhere.of(desk.row(reference))
    desk.receive(elsewhere.approved())
    desk.receive(elsewhere.issued(number))
    return number


def test_who_came_along_sees_their_own_line_and_nothing_of_the_applicant(desk: Desk, number: str) -> None:
    own = look(desk, f"{number[:4].lower()}{number[4:]}", name="harjeet SINGH")
    assert (own.name, own.id_type, own.day, own.department) == (
        "Harjit Singh", "driving_licence", TUESDAY, "home",
    )  # fmt: skip
    assert own.until > own.since + timedelta(days=180)
    told = own.model_dump_json()
    for others in ("Gurpreet", "ਗੁਰਪ੍ਰੀਤ", "98765", "Arms", "4821", "0917", "Simran"):
        assert others not in told


def test_the_pass_alone_shows_nothing_and_says_not_what_is_wrong(desk: Desk, number: str) -> None:
    of_child, of_applicant = {"name": "Simran Kaur"}, {"name": "Gurpreet Kaur", "id_last4": "4821"}
    for wrong in ({"id_last4": "0918"}, {"name": "Ravi Kumar"}, of_child, of_applicant):
        assert refused(desk, number, mine(2), **wrong) == "no_such_companion"
    assert refused(desk, new_pass_number()) == "no_such_companion"
    assert refused(desk, "no number") == "no_such_companion"
    assert refused(desk, number, id_last4="12345678") == "full_number"


def test_a_mobile_has_ten_wrong_tries_in_an_hour_whatever_the_pass(desk: Desk, number: str) -> None:
    for _ in range(10):
        refused(desk, new_pass_number())
    with pytest.raises(TooManyAttempts):
        look(desk, number)
    assert look(desk, number, mine(2)).name == "Harjit Singh"
    assert look(desk, number, at=NOW + timedelta(hours=1)).name == "Harjit Singh"


def test_a_pass_has_ten_wrong_tries_in_a_week_whoever_tries_and_never_says_so(
    desk: Desk, number: str
) -> None:
    """An answer of its own would say that number and name are right; and each try counts for its mobile."""
    for one in range(10):
        refused(desk, number, mine(one), id_last4=f"{one:04}")
    for days in (0, 6):
        assert refused(desk, number, mine(50), at=NOW + timedelta(days=days)) == "no_such_companion"
    for _ in range(10):
        refused(desk, number, mine(60))
    with pytest.raises(TooManyAttempts):
        look(desk, number, mine(60))
    assert look(desk, number, mine(51), at=NOW + timedelta(days=7)).name == "Harjit Singh"


def test_one_mobile_cannot_use_up_the_tries_of_a_pass(desk: Desk, number: str) -> None:
    for hours in range(3):
        for _ in range(10):
            refused(desk, number, mine(2), at=NOW + timedelta(hours=hours), id_last4="0918")
    assert refused(desk, number, mine(2), at=NOW + timedelta(days=6)) == "no_such_companion"
    assert look(desk, number, mine(3), at=NOW + timedelta(hours=3)).name == "Harjit Singh"


def test_who_knows_no_name_keeps_nobody_out(desk: Desk, number: str) -> None:
    for stranger in range(12):
        assert refused(desk, number, mine(100 + stranger), name="Somebody") == "no_such_companion"
    assert look(desk, number, mine(1)).name == "Harjit Singh"


def test_right_tries_count_for_nobody(desk: Desk, number: str) -> None:
    for _ in range(25):
        look(desk, number)


def test_who_has_proved_no_mobile_sees_nobody(desk: Desk, number: str) -> None:
    with pytest.raises(Forbidden):
        look(desk, number, Call(deadline=NOW))


def test_once_the_people_are_erased_nobody_came_along(desk: Desk, number: str) -> None:
    with desk.database.transaction() as session:
        assert erase_ended(session, NOW + timedelta(days=300), 180) == 1
    assert refused(desk, number) == "no_such_companion"
