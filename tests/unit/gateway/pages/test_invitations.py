"""Inviting visitors: a pasted list becomes one command; a wrong line is named and sends nothing."""

import re
from collections.abc import AsyncIterator
from typing import Any
from unittest.mock import patch

import pytest

from contracts.errors import FieldError, IdempotencyKeyReused, InvalidInput, Unavailable
from contracts.rpc.application import Invited
from contracts.rpc.approval.capacity import Availability
from contracts.rpc.approval.directory import DepartmentList
from services.gateway.pages import invitations
from services.gateway.pages.invitations import Invitation
from services.gateway.settings import GatewaySettings
from tests.support.factories.gateway import REFERENCE, claims, signed
from tests.support.system.page_reader import HOME, Reader, visiting

PAGE = "/desk/invitations"
FORM = {
    "key": "k-1", "site": "PCS1", "officer": "baldev", "purpose_kind": "meeting", "purpose": "Budget talks",
    "date": "2026-12-01", "from": "10:00", "to": "12:00", "delegation": "no", "language": "pa",
    "deliver_by": "sms", "visitors": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ, 98765 43210, voter id, 4821\nRavi Kumar",
}  # fmt: skip
OTHER = "PCS-0000-0000"


@pytest.fixture
async def clerk() -> AsyncIterator[Reader]:
    async with visiting(
        application__invite=Invited(references=(REFERENCE, OTHER)), session=claims("staff")
    ) as person:
        yield person


def visitors_of(text: str) -> Invitation:
    return invitations.read({"visitors": text})  # type: ignore[arg-type]  # all that is read of a form is get()


def plain(text: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


# -------------------------------------------------------------------- the list


@pytest.mark.parametrize(
    ("line", "visitor"),
    [
        ("Ravi Kumar", {"name": "Ravi Kumar"}),
        ("Ravi Kumar, 98765 43210", {"name": "Ravi Kumar", "mobile": "98765 43210"}),
        ("Ravi Kumar, guest@example.org", {"name": "Ravi Kumar", "email": "guest@example.org"}),
        ("2. Ravi Kumar\t\tPAN card\t912K", {"name": "Ravi Kumar", "id_type": "pan", "id_last4": "912K"}),
        ("ਸਿਮਰਨ; ਆਧਾਰ; 4821; ੯੮੭੬੫੪੩੨੧੦", {"name": "ਸਿਮਰਨ", "id_type": "aadhaar", "id_last4": "4821",
        "mobile": "੯੮੭੬੫੪੩੨੧੦"}),
        ("Ravi Kumar, 4821", {"name": "Ravi Kumar", "id_type": "other_photo_id", "id_last4": "4821"}),
    ],
)  # fmt: skip
def test_what_stands_behind_a_name_is_known_by_its_look(line: str, visitor: dict[str, str]) -> None:
    read = visitors_of(line)
    assert (read.visitors, read.wrong_lines) == ([visitor], [])


def test_a_line_that_cannot_be_read_is_named_by_its_number() -> None:
    read = visitors_of("Ravi\n\n  \nSimran, library card\nHarjit, 98765 43210, 98765 43211\n, 98765 43210")
    assert read.lines == [1, 4, 5, 6]
    assert read.wrong_lines == [(4, "id_type_unknown"), (5, "line_unclear")]
    assert read.visitors[3]["name"] == "", "the service refuses it, at its line"


# -------------------------------------------------------------------- the pages


async def test_the_form_names_email_only_where_this_installation_sends_it(
    clerk: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Name, mobile, email, kind of ID card" in (await clerk.open(PAGE)).text
    monkeypatch.setattr(GatewaySettings, "sends_email", False)
    assert "Name, mobile, kind of ID card" in (await clerk.open(PAGE)).text
    refused = await clerk.send(PAGE, **{**FORM, "visitors": "Ravi Kumar\nSimran, simran@example.org"})
    assert refused.status_code == 422
    assert "Line 2: No email is sent from here" in plain(refused.text)
    assert not clerk.client.was_asked("application.invite")


async def test_the_whole_list_is_one_command(clerk: Reader) -> None:
    sent = await clerk.send(PAGE, **FORM)
    _, request, principal, key = clerk.client.last("application.invite")
    assert request.model_dump(mode="json", by_alias=True, exclude_defaults=True) == {
        "site": "PCS1", "officer": "baldev", "purpose_kind": "meeting", "purpose": "Budget talks",
        "slot": {"date": "2026-12-01", "from": "10:00", "to": "12:00"}, "language": "pa",
        "visitors": [
            {"name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "mobile": "98765 43210", "id_type": "voter_id", "id_last4": "4821"},
            {"name": "Ravi Kumar"},
        ],
    }  # fmt: skip
    assert (principal.role, key) == ("department", "k-1")
    assert str(sent.url).endswith("/en/desk/invitations/sent"), "nothing personal stands in an address"
    text = plain(sent.text)
    assert f"ਗੁਰਪ੍ਰੀਤ ਕੌਰ {REFERENCE} By SMS" in text
    assert f"Ravi Kumar {OTHER} On paper, at the reception" in text
    assert "2 visitors Tuesday, 1 December 2026, 10:00 am – 12:00 pm" in text


async def test_a_delegation_gets_one_pass(clerk: Reader) -> None:
    clerk.client.answers["application.invite"] = Invited(references=(REFERENCE,))
    sent = await clerk.send(PAGE, **FORM | {"delegation": "yes", "deliver_by": "whatsapp"})
    assert clerk.client.last("application.invite")[1].delegation
    assert f"ਗੁਰਪ੍ਰੀਤ ਕੌਰ and 1 more person {REFERENCE} By WhatsApp" in plain(sent.text)


async def test_the_page_of_what_was_sent_can_be_shown_again_and_to_nobody_else(clerk: Reader) -> None:
    await clerk.send(PAGE, **FORM)
    again = await clerk.http.get("/pa/desk/invitations/sent")
    assert REFERENCE in again.text
    clerk.http.cookies.set("session", signed(claims("staff", sub="HOM-0009")))
    assert (await clerk.http.get("/en/desk/invitations/sent")).headers["location"] == f"/en{PAGE}"
    assert sum(name == "application.invite" for name, *_ in clerk.client.asked) == 1


async def test_problems_of_the_service_stand_at_their_lines_and_fields(clerk: Reader) -> None:
    clerk.client.answers["application.invite"] = InvalidInput(
        "refused",
        fields=(
            FieldError(field="visitors.1.name", code="too_long"),
            FieldError(field="visitors.1.name", code="invited_twice"),
            FieldError(field="visitors.1.mobile", code="not_a_mobile"),
            FieldError(field="slot.date", code="closed_day"),
            FieldError(field="slot.date", code="date_past"),
        ),
    )
    shown = await clerk.send(PAGE, **FORM | {"visitors": "Ravi Kumar\n\nSimran, 98765"})
    assert shown.status_code == 422
    assert "Line 3: Enter a mobile number, such as 98765 43210" in plain(shown.text)
    assert "Line 3: This visitor is on the list already" in plain(shown.text)
    assert "Line 3: This is too long" in plain(shown.text), "both problems of a field"
    assert "The secretariat is closed on this day" in shown.text, "the first of another field"
    assert "Simran, 98765" in shown.text, "nothing that was typed is lost"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"visitors": " \n"}, "Enter at least one visitor"),
        ({"visitors": "\n".join(f"Visitor {number}" for number in range(41))}, "Forty visitors at most"),
        ({"visitors": "Ravi Kumar, library card"}, "Line 1: This kind of ID card is not known"),
        ({"visitors": "R" * 500}, "Line 1: This is too long"),
        ({"date": ""}, "Choose a day"),
        ({"from": "noon"}, "Choose a start time"),
        ({"site": ""}, "Choose one of these"),
        ({"purpose": " "}, "Say what the visit is for"),
        ({"purpose": "x" * 1001}, "This is too long"),
    ],
)
async def test_a_form_that_cannot_be_read_sends_nothing(
    clerk: Reader, change: dict[str, str], words: str
) -> None:
    shown = await clerk.send(PAGE, **FORM | change)
    assert shown.status_code == 422
    assert words in plain(shown.text)
    assert not clerk.client.was_asked("application.invite")


async def test_control_without_the_check_of_lines_a_wrong_line_would_be_sent(clerk: Reader) -> None:
    with patch.object(invitations, "_visitor", lambda parts: ({"name": parts[0]}, "")):
        await clerk.send(PAGE, **FORM | {"visitors": "Ravi Kumar, library card"})
    assert clerk.client.was_asked("application.invite")


@pytest.mark.parametrize(
    ("failure", "status", "key"), [(Unavailable("down"), 503, "k-1"), (IdempotencyKeyReused("used"), 409, "")]
)
async def test_a_command_whose_outcome_is_not_known_is_repeated_under_its_key(
    clerk: Reader, failure: Any, status: int, key: str
) -> None:
    clerk.client.answers["application.invite"] = failure
    shown = await clerk.send(PAGE, **FORM)
    assert shown.status_code == status
    assert ('name="key" value="k-1"' in shown.text) == (key == "k-1")
    assert "Ravi Kumar" in shown.text


async def test_nobody_is_invited_to_a_time_without_places_for_everybody(clerk: Reader) -> None:
    one_place = {"start": "10:00", "end": "12:00", "places": 5, "free": 1}
    clerk.client.answers["approval.availability"] = Availability.model_validate(
        {"limited": True, "days": [{"day": "2026-12-01", "windows": [one_place]}]}
    )
    full = await clerk.send(PAGE, **FORM)
    assert "There are not enough free places at this time" in full.text
    assert not clerk.client.was_asked("application.invite")
    await clerk.send(PAGE, **FORM | {"visitors": "Ravi Kumar"})
    assert clerk.client.was_asked("application.invite"), "one finds a place"
    listed = (await clerk.open(PAGE)).text.partition('id="free"')[2]
    assert "Tuesday, 1 December 2026, 10:00 am – 12:00 pm · 1 of 5 free" in listed


async def test_the_secretariat_is_asked_for_only_where_the_department_sits_at_several(clerk: Reader) -> None:
    one = await clerk.open(PAGE)
    assert '<input type="hidden" name="site" value="PCS1">' in one.text
    clerk.client.answers["approval.departments"] = DepartmentList(
        items=(HOME.model_copy(update={"sites": ()}),)
    )
    async with visiting(
        approval__departments=clerk.client.answers["approval.departments"], session=claims("staff")
    ) as person:
        several = await person.open(PAGE)
    assert '<select class="govuk-select" id="site"' in several.text
