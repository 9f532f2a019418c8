"""A department invites visitors: one list becomes passes on phones."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from contracts.model import Language
from tests.e2e.people import Staff, messages, newest_message, press, translated
from tests.e2e.viewports import WAYS
from tests.support.system.system import System

Open = Callable[..., Page]


def invite(page: Page, visitors: str) -> None:
    page.fill("#visitors", visitors)
    page.check("input[name=delegation][value=no]")
    site = page.locator("select#site")
    if site.count():
        site.select_option("PCS1")
    page.fill("#purpose", "Budget talks, file 7/2026")
    page.fill("#from", "10:00")
    page.fill("#to", "12:00")
    press(page)


@WAYS
def test_invited_visitors_get_their_passes_once_every_line_is_right(
    open_browser: Open, system: System, mobile: str, language: Language, scripts: bool, size: dict[str, int]
) -> None:
    desk = Staff(open_browser(size, scripts=scripts), system, "department", language)
    page = desk.page
    page.locator("nav a[href$='/desk/invitations']").click()
    invite(page, f"ਗੁਰਪ੍ਰੀਤ ਕੌਰ, {mobile}\nRavi Kumar, 98765")
    expect(page.locator(".govuk-error-summary li")).to_have_count(1)
    expect(page.locator(".govuk-error-summary li")).to_contain_text("2")
    assert messages(system, mobile, "pass_issued") == []
    invite(page, f"ਗੁਰਪ੍ਰੀਤ ਕੌਰ, {mobile}\nRavi Kumar")
    page.wait_for_url(f"**/{language}/desk/invitations/sent")
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("tbody tr").last).to_contain_text(translated("On paper, at the reception", language))
    reference = page.locator("tbody tr td .epass-nowrap").first.inner_text()
    page.reload()
    expect(page.locator("tbody tr td .epass-nowrap").first).to_have_text(reference)
    message = newest_message(system, mobile, "pass_issued")
    assert messages(system, mobile, "application_submitted") == [], "nobody applied"
    link = re.search(r"/p/[A-Za-z0-9_-]{22}", f"{message['text']} {message['link']}")
    assert link is not None
    phone = open_browser(size, scripts=scripts)
    phone.goto(link[0])
    expect(phone.locator("main")).to_contain_text("ਗੁਰਪ੍ਰੀਤ ਕੌਰ")
    expect(phone.locator(".epass-qr svg, .epass-qr img").first).to_be_visible()
