"""The watchlist in a browser: four eyes on an entry, two officers on an approval, and a gate that is told."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from contracts.model import IST, Language
from services.chassis.runtime.clock import now
from tests.e2e.people import Staff, Visitor, new_login, newest_message, press, translated
from tests.e2e.viewports import DESK, PHONE
from tests.support.system.system import System


@pytest.mark.parametrize(
    ("language", "scripts", "name"),
    [("en", True, "Zorawar Qadian"), ("pa", False, "Jagtar Bhikhi")],
    ids=["English", "Punjabi without scripts"],
)
def test_a_match_needs_a_second_officer_and_the_gate_calls_the_supervisor(
    open_browser: Callable[..., Page],
    system: System,
    mobile: str,
    language: Language,
    scripts: bool,
    name: str,
) -> None:
    ado = Staff(open_browser(DESK, scripts=scripts), system, "ado", language)
    ado.open("/watchlist/new")
    ado.page.fill("#name", name)
    ado.page.fill("#id_last4", "4821")
    ado.page.fill("#reason", "Threats")
    ado.page.fill("#valid_until", (now().astimezone(IST) + timedelta(days=30)).date().isoformat())
    press(ado.page, translated("Propose the entry", language))
    entry = re.sub(r"[?].*", "", ado.page.url)
    confirm = translated("Confirm the entry", language)
    expect(ado.page.get_by_role("button", name=confirm)).to_have_count(0)
    second_ado = Staff(open_browser(DESK, scripts=scripts), system, "ado", language, new_login(system, "ado"))
    second_ado.page.goto(entry)
    press(second_ado.page, confirm)
    expect(second_ado.page.get_by_role("button", name=confirm)).to_have_count(0)

    reference = Visitor(open_browser(PHONE), system, mobile, "en").apply(name)
    desk = Staff(open_browser(DESK, scripts=scripts), system, "department", language)
    desk.approve(reference)
    expect(desk.page.locator("main")).to_contain_text(translated("Two officers", language))
    colleague = new_login(system, "department", "home")
    other = Staff(open_browser(DESK, scripts=scripts), system, "department", language, colleague)
    other.find(reference)
    expect(other.page.locator("input[name=slot][value=own]")).to_be_checked()
    expect(other.page.locator("#to")).to_have_value("23:59")
    other.page.locator("button[form=approve]").click()

    message = newest_message(system, mobile, "pass_issued")
    link = re.search(r"/p/[A-Za-z0-9_-]{22}", f"{message['text']} {message['link']}")
    assert link is not None
    visitor = open_browser(PHONE)
    visitor.goto(link[0])
    number = "".join(visitor.locator(".number strong").inner_text().split())
    guard = Staff(open_browser(PHONE, scripts=scripts), system, "security", language)
    guard.page.fill("#pass", number)
    press(guard.page)
    told = translated("Call the supervisor before anybody goes in.", language)
    expect(guard.page.locator("main")).to_contain_text(told)

    ado.page.goto(entry)
    press(ado.page, translated("End the entry", language))
