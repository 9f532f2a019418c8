"""Which way a message goes, when it is tried again, who may ask for it again."""

from datetime import timedelta

import pytest

from contracts.errors import TooManyAttempts
from contracts.rpc.call import Principal
from services.chassis.runtime.clock import now
from services.notify import drafts
from services.notify.domain import Draft, Failed, Later, after_a_temporary_error, allow_resend, is_late, owns
from services.notify.sending import Pace
from services.notify.wording import templates
from tests.support.factories.notify import (
    APPLICANT,
    DEPARTMENT,
    MOBILE,
    OTHER_MOBILE,
    PUBLIC_URL,
    RECEPTION,
    Visit,
    login,
    otp,
)

DELAYS = (1.0, 5.0, 30.0, 300.0)


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
def test_a_message_goes_the_way_that_reaches_its_person(made: Draft, route: tuple[str, str] | None) -> None:
    assert made.route == route
    assert (made.personal is None) == (route is None)


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 1), (2, 5), (3, 30), (4, 300), (7, 300)])
def test_tries_grow_rarer(attempts: int, seconds: float) -> None:
    at = now()
    assert after_a_temporary_error("timeout", attempts, at, None, DELAYS, 8) == Later(
        at + timedelta(seconds=seconds), "timeout"
    )


def test_the_last_try_is_the_last() -> None:
    assert after_a_temporary_error("timeout", 8, now(), None, DELAYS, 8) == Failed("timeout")


def test_a_code_is_not_tried_again_after_it_is_stale() -> None:
    at = now()
    assert after_a_temporary_error("timeout", 4, at, at + timedelta(seconds=60), DELAYS, 8) == Failed(
        "expired"
    )
    assert Failed("expired").state == "expired"
    assert Failed("refused").state == "failed"


def test_a_message_is_late_from_its_last_instant_on() -> None:
    at = now()
    assert is_late(at, at)
    assert not is_late(at + timedelta(seconds=1), at)
    assert not is_late(None, at)


def test_only_the_applicant_and_reception_own_a_message() -> None:
    assert owns(APPLICANT, [None, MOBILE])
    assert owns(RECEPTION, [])
    assert not owns(APPLICANT, [OTHER_MOBILE])
    assert not owns(DEPARTMENT, [MOBILE])
    assert not owns(Principal(), [None])
    assert not owns(Principal(kind="applicant"), [None])


def test_the_fourth_resend_in_ten_minutes_is_refused_and_says_when_to_come_back() -> None:
    at = now()
    earlier = [at - timedelta(minutes=minutes) for minutes in (9, 5, 1)]
    with pytest.raises(TooManyAttempts) as refused:
        allow_resend(earlier, at)
    assert refused.value.body.facts["retry_after"] == 60
    allow_resend([at - timedelta(minutes=minutes) for minutes in (10, 5, 1)], at)


VISIT = Visit()
DRAFTS = [
    drafts.otp(otp()),
    drafts.login_issued(login()),
    drafts.application_submitted(VISIT.submitted(), PUBLIC_URL),
    drafts.application_cancelled(VISIT.cancelled()),
    drafts.application_expired(VISIT.expired(), PUBLIC_URL),
    drafts.rejected(VISIT.rejected(), PUBLIC_URL),
    drafts.returned(VISIT.returned(), PUBLIC_URL),
    drafts.pass_issued(VISIT.issued(), PUBLIC_URL),
    drafts.pass_revoked(VISIT.revoked()),
    drafts.review_escalated(VISIT.escalated()),
]


@pytest.mark.parametrize("language", ["pa", "hi", "en"])
@pytest.mark.parametrize("made", DRAFTS, ids=lambda made: made.purpose)
def test_an_event_brings_all_that_its_template_asks_for(made: Draft, language: str) -> None:
    template = templates()[made.purpose, language]
    assert template.render(made.parameters)
    assert set(template.placeholders) == set(made.parameters)


def test_every_purpose_is_drafted() -> None:
    assert {made.purpose for made in DRAFTS} == {purpose for purpose, _ in templates()}


def test_only_codes_go_in_the_fast_lane() -> None:
    assert {made.purpose for made in DRAFTS if made.lane == "otp"} == {"otp"}


def test_the_pass_link_opens_the_pass_page() -> None:
    made = drafts.pass_issued(VISIT.issued(), PUBLIC_URL + "/")
    assert made.link == f"{PUBLIC_URL}/p/Zk3vQ9mT1xA7bC2dE5fG6h"
    assert made.parameters["link"] == made.link


@pytest.mark.parametrize(("reason", "replaced"), [("cancelled", False), ("reissued", True)])
def test_who_cancelled_himself_or_got_another_pass_hears_nothing_of_the_end(
    reason: str, replaced: bool
) -> None:
    assert drafts.pass_revoked(VISIT.revoked(reason=reason, replaced=replaced)) is None


def test_no_login_message_holds_a_password() -> None:
    assert set(drafts.login_issued(login()).parameters) == {"login_id"}


def test_a_thread_takes_as_much_as_it_sends_in_a_quarter_of_a_second() -> None:
    pace = Pace(20)
    sizes = []
    for _ in range(6):
        pace.learn(pace.size, 0.002 * pace.size)
        sizes.append(pace.size)
    assert sizes == [2, 4, 8, 16, 20, 20]
    pace.learn(2, 0.6)
    assert pace.size == 1
