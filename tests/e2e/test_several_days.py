"""A visit on several days in a browser: approved at the desk, on the visitor's phone, and at the gate."""

import re
from datetime import timedelta

from playwright.sync_api import Page, expect

from contracts.model import IST, Language
from services.chassis.runtime.clock import now
from services.gateway.pages.shared.languages import days_in_words
from tests.e2e.people import DESKS, Staff, Visitor, newest_message, press, translated
from tests.e2e.viewports import DESK, PHONE
from tests.support.stack.running import eventually
from tests.support.system.system import System


@DESKS
def test_a_visit_on_several_days_is_approved_with_a_reason_and_the_gate_counts_each_day(
    open_browser, system: System, mobile: str, language: Language, scripts: bool
) -> None:
    visitor = Visitor(open_browser(PHONE, scripts=scripts), system, mobile, language)
    reference = visitor.apply("Balvinder Singh")
    today = now().astimezone(IST).date()
    days = [today + timedelta(days=ahead) for ahead in range(3)]
    words = days_in_words(days, language)

    desk = Staff(open_browser(DESK, scripts=scripts), system, "department", language)
    page = desk.page
    desk.find(reference)
    page.check("input[name=slot][value=own]")
    for name, value in (("date", f"{today}"), ("from", "00:00"), ("to", "23:59")):
        page.fill(f"#{name}", value)
    page.locator("summary", has_text=translated("Several days", language)).click()
    page.fill("#last_day", f"{days[-1]}")
    page.locator("button[form=approve]").click()
    expect(page.locator("#days_reason-error")).to_contain_text(
        translated("Say why one day is not enough", language)
    )
    page.fill("#days_reason", "Hearings on three days")
    press(page, translated("Approve", language))
    expect(page.locator("[role=status]", has_text=translated("Approved.", language))).to_be_visible()
    desk.find(reference)
    expect(page.locator("main")).to_contain_text(words)
    expect(page.locator("main")).to_contain_text("Hearings on three days")

    message = newest_message(system, mobile, "pass_issued")
    link = re.search(r"/p/[A-Za-z0-9_-]{22}", f"{message['text']} {message['link']}")
    assert link is not None
    visitor.page.goto(f"{link[0]}?in={language}")
    expect(visitor.page.locator("main")).to_contain_text(words)
    number = "".join(visitor.page.locator(".number strong").inner_text().split())

    guard = Staff(open_browser(PHONE, scripts=scripts), system, "security", language)
    eventually(lambda: scanned(guard, number).locator("#id_last4").count(), "the gate knows the pass")
    expect(guard.page.locator("main")).to_contain_text(words)
    guard.page.fill("#id_last4", "4821")
    press(guard.page)
    expect(guard.page.locator(".epass-verdict--good")).to_contain_text(words)
    guard.page.check("input[name=direction][value=exit]")
    guard.page.fill("#pass", number)
    press(guard.page)
    expect(guard.page.locator(".epass-verdict--good")).to_be_visible()
    refused = scanned(guard, number).locator(".epass-verdict")
    expect(refused).to_contain_text(
        translated("Nobody on this pass may come in again on this day.", language)
    )
    expect(refused).to_contain_text(words)


def scanned(guard: Staff, number: str) -> Page:
    """Scan a pass for an entry, and return the page."""
    guard.open("/gate")
    guard.page.fill("#pass", number)
    press(guard.page)
    guard.page.wait_for_load_state()
    return guard.page
