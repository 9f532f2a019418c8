"""The channel to a number, which every service takes from here."""

import pytest

from contracts.mobile import channel_to

INDIAN, FOREIGN = "+919876543210", "+442079460000"


@pytest.mark.parametrize(
    ("wanted", "to_an_indian", "to_a_foreign"),
    [
        ("sms", "sms", "whatsapp"),
        ("whatsapp", "whatsapp", "whatsapp"),
        ("email", "email", "email"),
        ("printed", "sms", "whatsapp"),
    ],
)
def test_no_indian_sms_goes_to_a_foreign_number(wanted, to_an_indian: str, to_a_foreign: str) -> None:
    assert channel_to(INDIAN, wanted) == to_an_indian
    assert channel_to(FOREIGN, wanted) == to_a_foreign
