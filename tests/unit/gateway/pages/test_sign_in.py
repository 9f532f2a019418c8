"""Sign-in of an applicant: spellings of the code, wrong codes, sending again, an outage."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from contracts.errors import InvalidInput, NotAuthenticated, TooManyAttempts, Unavailable
from contracts.rpc.accounts.sessions import ApplicantSession, OtpAccepted
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import claims, signed
from tests.support.system.page_reader import SAME_SITE, Reader, visiting

REQUEST_ID = "0195f3a2-0000-4000-8000-000000000000"


class Codes:
    """Accounts, which accepts 123456 and five wrong codes."""

    def __init__(self) -> None:
        self.tries = 5

    def verify(self, asked: Any) -> ApplicantSession:
        if self.tries == 0:
            raise NotAuthenticated(code="too_many_tries")
        if asked.code == "123456":
            return ApplicantSession(
                access_token=signed(claims("applicant")), expires_at=now().replace(microsecond=0)
            )
        self.tries -= 1
        raise NotAuthenticated(code="wrong_code", tries_left=self.tries)


@pytest.fixture
async def stranger() -> AsyncIterator[Reader]:
    """Yield a reader who is not signed in."""
    async with visiting(
        accounts__request_otp=OtpAccepted(request_id=REQUEST_ID), accounts__verify_otp=Codes().verify
    ) as person:
        yield person


async def test_an_error_is_announced_in_the_language_of_the_page(stranger: Reader) -> None:
    stranger.client.answers["accounts.request_otp"] = InvalidInput.of("mobile", "not_a_mobile")
    shown = await stranger.http.post("/pa/sign-in", data={"mobile": "12"}, headers=SAME_SITE)
    assert '<span class="govuk-visually-hidden">ਗ਼ਲਤੀ:</span>' in shown.text


async def test_a_code_opens_a_session_that_scripts_cannot_read_and_leads_on(stranger: Reader) -> None:
    assert (await stranger.open("/apply/who")).url.path == "/en/sign-in"
    asked = await stranger.send("/sign-in", mobile="98765 43210", to="apply")
    assert asked.url.path == "/en/sign-in/code"
    assert "3210" in asked.text
    right = await stranger.http.post("/en/sign-in/code", data={"code": "123456"}, headers=SAME_SITE)
    assert right.headers["location"] == "/en/apply/who"
    session = next(value for value in right.headers.get_list("set-cookie") if value.startswith("session="))
    assert "HttpOnly" in session
    assert "SameSite=lax" in session
    assert stranger.client.last("accounts.request_otp")[1].mobile == "98765 43210"


@pytest.mark.parametrize(
    "typed", ["123456", " 123 456 ", "123-456", "੧੨੩੪੫੬", "१२३ ४५६", "1\u00a02\u00a03 456", "e-Pass: 123456."]
)
async def test_a_code_is_accepted_in_any_spelling(stranger: Reader, typed: str) -> None:
    await stranger.send("/sign-in", mobile="9876543210", to="history")
    right = await stranger.http.post("/en/sign-in/code", data={"code": typed}, headers=SAME_SITE)
    assert right.headers["location"] == "/en/applications"
    assert stranger.client.last("accounts.verify_otp")[1].code == "123456"


async def test_five_wrong_codes_lead_to_a_new_one(stranger: Reader) -> None:
    await stranger.send("/sign-in", mobile="9876543210", to="apply")
    wrong = [await stranger.send("/sign-in/code", code=f"00000{number}") for number in range(5)]
    assert [page.status_code for page in wrong] == [422] * 5
    assert "You can try 4 more times" in wrong[0].text
    assert "You can try 1 more time " in wrong[3].text
    assert 'id="code"' in wrong[3].text
    assert 'id="code"' not in wrong[4].text, "no digits will do any more"
    assert "This code was tried too many times" in wrong[4].text
    assert 'href="#again"' in wrong[4].text
    stranger.client.answers["accounts.verify_otp"] = Codes().verify
    again = await stranger.send("/sign-in", again="yes")
    assert again.url.path == "/en/sign-in/code"
    assert sum(name == "accounts.request_otp" for name, *_ in stranger.client.asked) == 2, (
        "at once, however short ago the first was sent"
    )
    right = await stranger.http.post("/en/sign-in/code", data={"code": "123456"}, headers=SAME_SITE)
    assert right.status_code == 303


async def test_a_code_is_sent_again_only_after_the_time_that_the_page_shows(stranger: Reader) -> None:
    asked = await stranger.send("/sign-in", mobile="9876543210", to="apply")
    assert 'data-wait="30"' in asked.text
    assert "After 30 seconds" in asked.text
    early = await stranger.send("/sign-in", again="yes")
    assert "seconds you can have it sent again" in early.text
    assert sum(name == "accounts.request_otp" for name, *_ in stranger.client.asked) == 1
    stranger.client.answers["accounts.request_otp"] = OtpAccepted(request_id=REQUEST_ID, resend_after=0)
    await stranger.send("/sign-in", mobile="9876543210", to="apply")
    await stranger.send("/sign-in", again="yes")
    assert sum(name == "accounts.request_otp" for name, *_ in stranger.client.asked) == 3


async def test_who_may_have_no_more_codes_still_types_the_one_that_just_came(stranger: Reader) -> None:
    refused = TooManyAttempts("too many", retry_after=600, limit="number")
    stranger.client.answers["accounts.request_otp"] = refused
    dead_end = await stranger.send("/sign-in", mobile="98765 43210", to="history")
    assert 'name="code"' not in dead_end.text, "none was asked for here"
    stranger.client.answers["accounts.request_otp"] = OtpAccepted(request_id=REQUEST_ID)
    await stranger.send("/sign-in", mobile="98765 43210", to="history")
    stranger.client.answers["accounts.request_otp"] = refused
    shown = await stranger.send("/sign-in", mobile="9876543210", to="history")
    assert (shown.status_code, 'name="code"' in shown.text) == (429, True)
    assert "The last one still works" in shown.text
    for _ in range(5):
        await stranger.send("/sign-in/code", code="000000")
    spent = await stranger.send("/sign-in", again="yes")
    assert 'name="code"' not in spent.text, "that one was tried too often"
    stranger.client.answers["accounts.request_otp"] = OtpAccepted(request_id=REQUEST_ID)
    stranger.client.answers["accounts.verify_otp"] = Codes().verify
    await stranger.send("/sign-in", mobile="98765 43210", to="history")
    stranger.client.answers["accounts.request_otp"] = refused
    other = await stranger.send("/sign-in", mobile="98765 00000", to="history")
    assert 'name="code"' not in other.text, "a code of another number opens nothing"
    right = await stranger.http.post("/en/sign-in/code", data={"code": "123456"}, headers=SAME_SITE)
    assert right.headers["location"] == "/en/applications"


async def test_a_second_click_asks_for_the_same_code(stranger: Reader) -> None:
    for mobile in ("9876543210", "9876543210", "9876543211"):
        await stranger.send("/sign-in", mobile=mobile, to="apply", key="k")
    keys = [key for name, _, _, key in stranger.client.asked if name == "accounts.request_otp"]
    assert keys[0] == keys[1] != keys[2], "another number is another question"
    assert "9876543210" not in str(keys)


async def test_number_and_code_stay_while_accounts_is_away(stranger: Reader) -> None:
    usual = dict(stranger.client.answers)
    stranger.client.answers["accounts.request_otp"] = stranger.client.answers["accounts.verify_otp"] = (
        Unavailable("down")
    )
    outage = await stranger.send("/sign-in", mobile="98765 43210", to="apply")
    assert (outage.status_code, 'value="98765 43210"' in outage.text, "Nothing is lost" in outage.text) == (
        503,
        True,
        True,
    )
    stranger.client.answers["accounts.request_otp"] = usual["accounts.request_otp"]
    await stranger.send("/sign-in", mobile="98765 43210", to="apply")
    outage = await stranger.send("/sign-in/code", code="123456")
    assert (outage.status_code, 'value="123456"' in outage.text, "Nothing is lost" in outage.text) == (
        503,
        True,
        True,
    )


async def test_signing_in_from_the_history_leads_to_the_history(stranger: Reader) -> None:
    asked = await stranger.open("/applications")
    assert str(asked.url).endswith("/en/sign-in?to=applications")
    assert 'name="to" value="applications"' in asked.text


async def test_a_phone_that_proved_a_number_shows_it_with_the_next_request_until_it_is_cleared(
    stranger: Reader,
) -> None:
    stranger.client.answers["accounts.verify_otp"] = ApplicantSession(
        access_token=signed(claims("applicant")), expires_at=now(), device="token-1"
    )
    await stranger.send("/sign-in", mobile="9876543210", to="apply")
    assert stranger.client.last("accounts.request_otp")[1].model_fields_set == {"mobile", "language"}
    await stranger.send("/sign-in/code", code="123456")
    stranger.http.cookies.delete("session")
    await stranger.send("/sign-in", mobile="9876543210", to="apply")
    assert stranger.client.last("accounts.request_otp")[1].devices == ("token-1",)
    await stranger.send("/sign-out")
    assert "mobiles" not in stranger.http.cookies
