"""Duty contacts: what can be reached, and what is refused."""

import pytest

from contracts.errors import InvalidInput
from services.approval.domain.duty_contacts import Address, OfficeContact, checked

KNOWN = ("home-secretary", "home-clerk")


def test_a_contact_has_a_mobile_or_an_address_and_whoever_has_neither_has_none() -> None:
    typed = {
        "home-secretary": Address("98765 43210", "duty@punjab.gov.in"),
        "home-clerk": Address("", ""),
    }
    assert checked(typed, KNOWN) == {
        "home-secretary": OfficeContact(mobile="+919876543210", email="duty@punjab.gov.in")
    }


@pytest.mark.parametrize(
    ("name", "address", "problem"),
    [
        ("home-clerk", Address(mobile="12345"), ("mobile.home-clerk", "not_a_mobile")),
        ("home-clerk", Address(email="duty"), ("email.home-clerk", "email_invalid")),
        ("nobody", Address(mobile="9876543210"), ("mobile.nobody", "unknown_officer")),
    ],
)
def test_what_cannot_be_reached_is_refused_with_its_field(name, address, problem) -> None:
    with pytest.raises(InvalidInput) as refused:
        checked({name: address}, KNOWN)
    assert [(one.field, one.code) for one in refused.value.body.fields] == [problem]
