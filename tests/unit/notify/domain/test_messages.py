"""Which channel reaches the recipient of a message."""

from dataclasses import replace

import pytest

from services.notify.domain.messages import Draft
from tests.support.factories.notify import MOBILE


def draft(deliver_by: str, mobile: str | None = MOBILE, email: str | None = None) -> Draft:
    return Draft("pass_issued", "pa", deliver_by, mobile, email, {})


@pytest.mark.parametrize(
    ("made", "route"),
    [
        (draft("sms"), ("sms", MOBILE)),
        (draft("whatsapp"), ("whatsapp", MOBILE)),
        (draft("sms", "+14155550123"), ("whatsapp", "+14155550123")),
        (draft("email", email="g@example.org"), ("email", "g@example.org")),
        (draft("email"), ("sms", MOBILE)),
        (draft("printed"), None),
        (draft("sms", None), None),
        (draft("printed", None), None),
    ],
)
def test_a_message_takes_the_channel_that_reaches_its_recipient(
    made: Draft, route: tuple[str, str] | None
) -> None:
    assert made.route == route
    assert made.personal is not None, "a pass for paper can be sent to a number that its visitor gives later"
    assert made.personal.to == (route[1] if route else "")


def test_of_other_messages_without_a_recipient_nothing_personal_is_kept() -> None:
    assert replace(draft("printed"), purpose="rejected").personal is None
