"""Closing a day in a browser: the department reads whom it affects, and a visitor chooses another date."""

import re
from datetime import date, timedelta

from playwright.sync_api import Page, expect

from contracts.model import IST, Language
from services.chassis.runtime.clock import now
from tests.e2e.people import DESKS, Staff, Visitor, newest_message, press, translated
from tests.e2e.viewports import DESK, PHONE
from tests.support.stack.running import eventually
from tests.support.system.system import System

WORDS = "The Secretary is called to the Assembly"


def count(page: Page, text: str) -> int:
    """Return the number beside a text of the page of a day."""
    row = page.get_by_role("row").filter(has_text=text)
    return int(row.locator(".govuk-table__cell").inner_text())


@DESKS
def test_a_department_closes_a_day_and_its_visitor_chooses_another(
    open_browser, system: System, mobile: str, language: Language, scripts: bool
) -> None:
    day = next_day(language, scripts)
    visitor = Visitor(open_browser(PHONE, scripts=scripts), system, mobile, language)
    reference = visitor.apply()
    visitor.open_application(reference)
    visitor.open(f"/applications/{reference}/dates")
    visitor.choose_time((day - now().astimezone(IST).date()).days)
    desk = Staff(open_browser(DESK, scripts=scripts), system, "department", language)
    page = desk.page

    def is_listed() -> bool:
        desk.open(f"/desk/closures/new?day={day}")
        return count(page, translated("Applications that ask for this day only", language)) == 1

    eventually(is_listed, "the new date comes to the desk", 30)
    desk.open("/desk/closures")
    page.fill("#day", day.isoformat())
    press(page, translated("See whom it affects", language))
    expect(page.locator("main")).to_contain_text("Gurpreet Kaur")
    page.check("input[name=reason][value=urgent_meeting]")
    page.fill("#note", WORDS)
    press(page, translated("See the message", language))
    expect(page.locator("blockquote")).to_have_count(3)
    expect(page.locator(f"blockquote[lang={language}]")).not_to_contain_text(WORDS)
    press(page, translated("Close the day and tell the visitors", language))
    expect(page.locator("[role=status]")).to_be_visible()
    place = page.url.partition("?")[0]

    told = newest_message(system, mobile, "day_closed")
    assert f"{day:%d-%m-%Y}" in told["text"]
    visitor.wait_for(reference, f"a[href$='/{reference}/dates']")
    expect(visitor.page.locator("main")).to_contain_text(WORDS)
    visitor.page.locator(f"a[href$='/{reference}/dates']").click()
    offered = visitor.page.locator("#date-0 option")
    assert day.isoformat() not in offered.evaluate_all("options => options.map((one) => one.value)")
    visitor.choose_time((day - now().astimezone(IST).date()).days + 1)
    expect(visitor.page.locator(".govuk-tag").first).to_have_text(translated("With the department", language))

    page.goto(place)
    expect(page.locator(".govuk-body-l")).to_contain_text(re.compile("1"))
    press(page, translated("Offer the day again", language))
    expect(page.locator("[role=status]")).to_be_visible()


def next_day(language: Language, scripts: bool) -> date:
    """Return a day that only this test asks for: each variant has its own."""
    ahead = 16 + 2 * ["pa", "en"].index(language) + 4 * scripts
    return now().astimezone(IST).date() + timedelta(days=ahead)
