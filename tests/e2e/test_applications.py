"""What an applicant does after applying: follow the status, cancel, apply again."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.e2e.people import Staff, Visitor, newest_message, press
from tests.e2e.viewports import DESK, WAYS
from tests.support.stack.running import eventually
from tests.support.system.system import System

Open = Callable[..., Page]
TIMELINE = ".epass-timeline"


def happenings(page: Page) -> int:
    return page.locator(f"{TIMELINE} li").count()


@WAYS
def test_a_cancelled_visit_ends_its_pass(
    open_browser: Open, system: System, mobile: str, language: str, scripts: bool, size: dict[str, int]
) -> None:
    visitor = Visitor(open_browser(size, scripts=scripts), system, mobile, language)
    reference = visitor.apply()
    Staff(open_browser(DESK, scripts=scripts), system, "department", language).approve(reference)
    message = newest_message(system, mobile, "pass_issued")
    link = re.search(r"/p/[A-Za-z0-9_-]{22}", f"{message['text']} {message['link']}")
    assert link is not None
    visitor.wait_for(reference, "a[href$='/qr']")
    for answer in ("no", "yes"):
        visitor.page.locator("a[href$='/cancel']").click()
        visitor.page.check(f"input[name=cancel][value={answer}]")
        press(visitor.page)
        visitor.page.wait_for_url(re.compile(rf"/applications/{reference}(\?.*)?$"))
        expect(visitor.page.locator("a[href$='/cancel']")).to_have_count(1 if answer == "no" else 0)
    expect(visitor.page.locator(".govuk-notification-banner--success")).to_be_visible()

    def ended() -> bool:
        visitor.page.goto(link[0])
        return visitor.page.locator(".epass-qr").count() == 0

    eventually(ended, "the pass behind the link is over", 30)


@WAYS
def test_an_application_opens_with_the_last_four_and_can_be_applied_for_again(
    open_browser: Open, system: System, mobile: str, language: str, scripts: bool, size: dict[str, int]
) -> None:
    reference = Visitor(open_browser(size, scripts=scripts), system, mobile, language).apply(
        companions=(("Simran", None),), office=True
    )
    Staff(open_browser(DESK, scripts=scripts), system, "department", language).reject(
        reference, "duplicate", "Ask again"
    )
    visitor = Visitor(open_browser(size, scripts=scripts), system, mobile, language)
    visitor.sign_in_at("/applications")
    visitor.sign_in_at("/applications")
    expect(visitor.page.locator("main")).not_to_contain_text("Gurpreet")
    visitor.page.locator(f"a[href$='/applications/{reference}']").click()
    visitor.page.fill("#id_last4", "0000")
    press(visitor.page)
    expect(visitor.page.locator("#id_last4-error")).to_be_visible()
    visitor.page.fill("#id_last4", "4821")
    press(visitor.page)
    visitor.wait_for(reference, "form[action$='/again']")
    visitor.page.locator("form[action$='/again'] button").click()
    visitor.choose_time(days_ahead=2)
    visitor.page.wait_for_url("**/apply/check")
    expect(visitor.page.locator("main")).to_contain_text("Punjab Mandi Board")
    expect(visitor.page.locator("main")).to_contain_text("Simran")
    press(visitor.page)
    again = visitor.page.locator(".govuk-panel strong").inner_text()
    assert again != reference
    visitor.open("/applications")
    expect(visitor.page.locator(".epass-history li")).to_have_count(2)
    expect(visitor.page.locator(".epass-history li").first).to_contain_text(again)


@WAYS
def test_every_message_on_the_phone_leads_to_the_status_of_its_application(
    open_browser: Open, system: System, mobile: str, language: str, scripts: bool, size: dict[str, int]
) -> None:
    reference = Visitor(open_browser(size, scripts=scripts), system, mobile, language).apply()
    Staff(open_browser(DESK, scripts=scripts), system, "department", language).reject(
        reference, "no_appointment", "Come on Monday"
    )
    newest_message(system, mobile, "rejected")
    phone = open_browser(size, scripts=scripts)
    for purpose, entries in (("rejected", 2), ("application_submitted", 2)):
        phone.goto(f"/dev/phone?mobile={mobile}")
        message = phone.locator("article", has_text=purpose)
        expect(message).not_to_contain_text("Come on Monday")
        message.locator(f"a[href$='/{language}/s/{reference}']").click()
        expect(phone.locator("main")).not_to_contain_text("Gurpreet")
        expect(phone.locator(TIMELINE)).to_have_count(0)
        expect(phone.locator("#reference")).to_have_value(reference)
        phone.fill("#mobile_last4", mobile[-4:])
        phone.locator("form[action$='/status'] button").click()
        phone.wait_for_url(f"**/{language}/status/result")
        assert happenings(phone) >= entries
        phone.reload()
        assert happenings(phone) >= entries
        expect(phone.locator("main")).not_to_contain_text("Gurpreet")
    phone.goto(f"/{language}/s/{reference}")
    Visitor(phone, system, mobile, language).prove()
    expect(phone.locator("main")).to_contain_text("Come on Monday")
    expect(phone.locator("main")).not_to_contain_text("Gurpreet")
