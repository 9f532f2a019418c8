"""An invitation is checked as a whole: each bad line is named by its number, and one makes them all fail."""

from typing import Any

import pytest

from contracts.application_form import InvitationForm
from contracts.errors import InvalidInput
from contracts.visiting_rules import MOST_COMPANIONS, MOST_INVITED
from services.application.domain.forms import CheckedForm
from services.application.domain.invitations import check_invitation
from services.application.domain.visits import Place
from tests.support.factories.application import (
    AADHAAR,
    CALENDAR,
    PLACE,
    WEDNESDAY,
    department,
    invitation,
    site,
    slot,
)


def check(form: InvitationForm, place: Place = PLACE) -> tuple[CheckedForm, ...]:
    return check_invitation(form, "home", place, CALENDAR)


def problems(form: InvitationForm, place: Place = PLACE) -> dict[str, str]:
    with pytest.raises(InvalidInput) as raised:
        check(form, place)
    return {one.field: one.code for one in raised.value.body.fields}


def test_each_visitor_gets_an_application_of_their_own() -> None:
    forms = check(invitation())
    assert [one.applicant.name for one in forms] == ["ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "Ravi Kumar"]
    assert [one.applicant.mobile for one in forms] == ["+919876543210", None]
    assert [one.deliver_by for one in forms] == ["sms", "printed"], "without a mobile the reception prints it"
    assert forms[0].applicant.name_latin.isascii(), "the guards read it"
    for one in forms:
        assert (one.visit.department, one.visit.companions, len(one.visit.preferred)) == ("home", (), 1)


def test_an_invited_visitor_with_an_email_address_gets_the_pass_there_without_a_mobile() -> None:
    forms = check(
        invitation(
            {"name": "Ravi Kumar", "email": " guest@example.org "},
            {"name": "Simran", "email": "simran@example.org", "mobile": "9876543210"},
        )
    )
    assert [(one.applicant.email, one.deliver_by) for one in forms] == [
        ("guest@example.org", "email"),
        ("simran@example.org", "sms"),
    ]
    wrong = invitation({"name": "Ravi Kumar", "email": "guest@"})
    assert problems(wrong) == {"visitors.0.email": "email_invalid"}


def test_a_delegation_is_one_application_that_its_first_visitor_leads() -> None:
    others = [{"name": f"Visitor {number}"} for number in range(2, MOST_INVITED + 1)]
    head = {"name": "Ravi Kumar", "mobile": "9876543210"}
    [form] = check(invitation(head, *others, delegation=True, deliver_by="whatsapp"))
    assert (form.applicant.name, form.deliver_by) == ("Ravi Kumar", "whatsapp")
    assert form.visit.party == MOST_INVITED
    assert len(form.visit.companions) == MOST_COMPANIONS["invitation"]
    assert {one.child for one in form.visit.companions} == {False}


def test_an_id_is_stated_whole_or_not_at_all() -> None:
    [form] = check(invitation({"name": "Ravi Kumar", "id_type": "pan", "id_last4": " 912k"}))
    assert (form.applicant.id_type, form.applicant.id_last4) == ("pan", "912K")
    assert problems(
        invitation(
            {"name": "Ravi Kumar", "id_type": "pan"},
            {"name": "Simran", "id_last4": "4821"},
            {"name": "Harjit", "id_type": "aadhaar", "id_last4": AADHAAR},
        )
    ) == {
        "visitors.0.id_last4": "id_incomplete",
        "visitors.1.id_type": "id_incomplete",
        "visitors.2.id_last4": "full_number",
    }


def test_every_bad_line_is_named_at_once() -> None:
    found = problems(
        invitation(
            {"name": "Ravi Kumar", "mobile": "98765"},
            {"name": "  "},
            {"name": "Simran"},
            {"name": "Simran"},
            {"name": "Олег"},
            {"name": "Jane Doe", "mobile": "+44 7911 123456"},
        )
    )
    assert found == {
        "visitors.0.mobile": "not_a_mobile",
        "visitors.1.name": "name_missing",
        "visitors.3.name": "invited_twice",
        "visitors.4.name": "name_characters",
        "visitors.5.mobile": "deliver_by_unreachable",
    }


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"purpose": " "}, "purpose", "purpose_missing"),
        ({"officer": "nobody"}, "officer", "unknown_officer"),
        ({"slot": slot(WEDNESDAY)}, "slot.date", "closed_day"),
        ({"slot": slot(start="07:00", end="08:00")}, "slot.from", "outside_hours"),
    ],
)
def test_what_is_wrong_with_the_visit_is_named(changes: dict[str, Any], field: str, code: str) -> None:
    assert problems(invitation(**changes)) == {field: code}


def test_a_department_invites_only_to_where_it_sits() -> None:
    elsewhere = Place(site("S2"), department())
    assert problems(invitation(site="S2"), elsewhere) == {"department": "department_not_at_site"}
    assert problems(invitation(site="S3"), Place(None, department())) == {"site": "unknown_site"}


def test_an_aadhaar_number_in_the_purpose_is_masked() -> None:
    [form] = check(invitation({"name": "Ravi Kumar"}, purpose=f"Talks, {AADHAAR}"))
    assert AADHAAR not in form.visit.purpose
    assert form.masked == ("purpose",)
