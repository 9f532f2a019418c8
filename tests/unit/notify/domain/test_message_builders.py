"""Which message an event calls for."""

from typing import get_args

import pytest

from services.notify.domain import message_builders, templates
from services.notify.domain.messages import Draft, Purpose
from tests.support.factories.notify import PUBLIC_URL, Visit, login, otp

VISIT = Visit()
DRAFTS = [
    message_builders.otp(otp()),
    message_builders.login_issued(login()),
    message_builders.application_submitted(VISIT.submitted(), PUBLIC_URL),
    message_builders.application_cancelled(VISIT.cancelled()),
    message_builders.application_expired(VISIT.expired(), PUBLIC_URL),
    message_builders.rejected(VISIT.rejected(), PUBLIC_URL),
    message_builders.returned(VISIT.returned(), PUBLIC_URL),
    message_builders.pass_issued(VISIT.issued(), PUBLIC_URL),
    message_builders.pass_revoked(VISIT.revoked()),
    message_builders.review_escalated(VISIT.escalated()),
]


@pytest.mark.parametrize("language", ["pa", "hi", "en"])
@pytest.mark.parametrize("made", DRAFTS, ids=lambda made: made.purpose)
def test_an_event_has_every_parameter_of_its_template(made: Draft, language: str) -> None:
    template = templates.find(made.purpose, language)
    assert template.render(made.parameters)
    assert set(template.placeholders) == set(made.parameters)


def test_every_purpose_has_a_message_builder() -> None:
    assert {made.purpose for made in DRAFTS} == set(get_args(Purpose))


def test_only_one_time_codes_use_the_otp_lane() -> None:
    assert {made.purpose for made in DRAFTS if made.lane == "otp"} == {"otp"}


def test_the_pass_link_opens_the_pass_page() -> None:
    made = message_builders.pass_issued(VISIT.issued(), PUBLIC_URL + "/")
    assert made.link == f"{PUBLIC_URL}/p/Zk3vQ9mT1xA7bC2dE5fG6h"
    assert made.parameters["link"] == made.link


@pytest.mark.parametrize(("reason", "replaced"), [("cancelled", False), ("reissued", True)])
def test_no_message_about_a_revocation_goes_to_an_applicant_who_cancelled_or_got_another_pass(
    reason: str, replaced: bool
) -> None:
    assert message_builders.pass_revoked(VISIT.revoked(reason=reason, replaced=replaced)) is None


def test_the_message_about_a_login_does_not_contain_its_password() -> None:
    assert set(message_builders.login_issued(login()).parameters) == {"login_id"}
