"""The visiting hours in a browser: a department takes so many people, and applicants choose what is free."""

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest
from playwright.sync_api import expect

from contracts.model import IST, Language
from services.chassis.runtime.clock import now
from tests.e2e.people import DESKS, Staff, Visitor, press, row_of, translated
from tests.e2e.viewports import DESK, PHONE
from tests.support.system.system import System

MOST = 5_000
"""The most places that a window can have."""


@pytest.fixture
def _unlimited(open_browser, system: System) -> Iterator[None]:
    """Take the limit away again: other tests use the same department."""
    yield
    desk = Staff(open_browser(DESK), system, "department", "en")
    desk.open("/desk/capacity")
    desk.page.check("input[name=limited][value=no]")
    press(desk.page, "Save the visiting hours")


def set_hours(desk: Staff, language: Language, places: int) -> None:
    """Have the department receive so many people tomorrow from 10 to 12, and as many from 12 to 14."""
    weekday = (now().astimezone(IST) + timedelta(days=1)).weekday()
    desk.open("/desk/capacity")
    desk.page.check("input[name=limited][value=yes]")
    desk.page.select_option("#window", "120")
    desk.page.fill(f"#from-{weekday}", "10:00")
    desk.page.fill(f"#to-{weekday}", "14:00")
    desk.page.fill(f"#places-{weekday}", str(places))
    press(desk.page, translated("Save the visiting hours", language))
    expect(desk.page.locator("[role=status]")).to_be_visible()


def booked(system: System) -> int:
    """Return how many people other tests expect tomorrow from 10 to 12."""
    question = {"department": "home", "site": "PCS1"}
    answer = httpx.get(f"{system.url}/api/v1/availability", params=question, trust_env=False).json()
    tomorrow = f"{(now().astimezone(IST) + timedelta(days=1)).date()}"
    (day,) = (one for one in answer["days"] if one["day"] == tomorrow)
    return MOST - int(day["windows"][0]["free"])


@DESKS
@pytest.mark.usefixtures("_unlimited")
def test_a_full_time_is_refused_at_the_desk_and_another_one_is_chosen_by_the_applicant(
    open_browser, system: System, mobile: str, language: Language, scripts: bool
) -> None:
    visitor = Visitor(open_browser(PHONE, scripts=scripts), system, mobile, language)
    first, second = (visitor.apply(name) for name in ("Balvinder Singh", "Geeta Sharma"))
    desk = Staff(open_browser(DESK, scripts=scripts), system, "department", language)
    page = desk.page
    rows = [row_of(desk, reference) for reference in (first, second)]

    set_hours(desk, language, MOST)
    set_hours(desk, language, booked(system) + 1)

    desk.open("/desk")
    rows[0].locator("[data-approve]").click()
    expect(page.locator("[role=status]", has_text=translated("Approved.", language))).to_be_visible()
    rows[1].locator("[data-approve]").click()
    full = translated("There are not enough free places at this time. Choose another", language)
    expect(page.locator(".govuk-error-summary")).to_contain_text(full)

    visitor.open_application(second)
    visitor.open(f"/applications/{second}/dates")
    if not scripts:  # with scripts this time is not offered
        visitor.choose_time(1, "10:00", "12:00")
        expect(visitor.page.locator(".govuk-error-summary")).to_contain_text(full)
    visitor.choose_time(1, "12:00", "14:00")
    expect(visitor.page.locator(".govuk-error-summary")).to_have_count(0)

    desk.open("/desk")
    rows[1].locator("[data-approve]").click()
    expect(page.locator("[role=status]", has_text=translated("Approved.", language))).to_be_visible()
