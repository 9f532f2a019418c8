"""The proof of work that a stranger's browser shows before it gets a code, in a real one."""

from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from contracts.errors import TooManyAttempts
from contracts.proof_of_work import BITS, MOST_ANSWERS, is_solved
from contracts.rpc.accounts.sessions import OtpAccepted, RequestOtp
from tests.e2e.viewports import PHONE
from tests.support.system.pages_alone import PagesAlone

REQUEST_ID = "0195f3a2-0000-4000-8000-000000000000"
CHALLENGE = "aw5yDigZeJxhCwyi6YJN-Vs2cWkDV84ld3Nt"


class Busy:
    """Accounts while very many codes are asked for."""

    def __init__(self) -> None:
        self.asked: list[RequestOtp] = []

    def answer(self, asked: RequestOtp) -> OtpAccepted:
        self.asked.append(asked)
        if asked.work.startswith(CHALLENGE) and is_solved(asked.work, MOST_ANSWERS):
            return OtpAccepted(request_id=REQUEST_ID)
        facts: dict[str, Any] = {"challenge": CHALLENGE, "answers": MOST_ANSWERS, "bits": BITS}
        raise TooManyAttempts(code="work_required", retry_after=60, **facts)


@pytest.fixture
def busy(alone: PagesAlone) -> Busy:
    accounts = Busy()
    alone.answers["accounts.request_otp"] = accounts.answer
    return accounts


def test_a_browser_does_the_work_by_itself_and_goes_on_with_the_same_form(
    chromium: Browser, alone: PagesAlone, busy: Busy
) -> None:
    page = chromium.new_context(base_url=alone.url, viewport=PHONE).new_page()
    page.goto("/pa/sign-in?to=history")
    page.fill("#mobile", "98765 43210")
    page.locator("form button").first.click()
    expect(page.locator("#code")).to_be_visible()
    assert [one.mobile for one in busy.asked] == ["98765 43210"] * 2
    page.context.close()


def test_a_browser_without_scripts_is_told_what_to_do_instead(
    chromium: Browser, alone: PagesAlone, busy: Busy
) -> None:
    context = chromium.new_context(base_url=alone.url, viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    page.goto("/en/sign-in")
    page.fill("#mobile", "98765 43210")
    page.locator("form button").first.click()
    expect(page.get_by_text("come to the reception counter with your ID card")).to_be_visible()
    expect(page.get_by_text("It goes on by itself")).to_be_hidden()
    assert len(busy.asked) == 1
    context.close()
