"""A complaint in a real browser without scripts: asked, numbered, answered by the grievance officer, read."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from contracts.model import Language
from tests.e2e.people import Staff, Visitor, new_login, newest_message, press, translated
from tests.e2e.viewports import DESK, PHONE
from tests.support.system.system import System


@pytest.mark.parametrize(("language", "size"), [("pa", PHONE), ("en", DESK)], ids=["Punjabi", "English"])
def test_a_person_complains_and_reads_the_answer(
    open_browser: Callable[..., Page], system: System, mobile: str, language: Language, size: dict[str, int]
) -> None:
    visitor = Visitor(open_browser(size, scripts=False), system, mobile, language)
    page = visitor.page
    visitor.sign_in_at("/requests/new")
    expect(page).to_have_url(f"{system.url}/{language}/requests/new")
    page.check("input[name=kind][value=complaint]")
    page.fill("#text", "ਕਾਊਂਟਰ ਬੰਦ ਸੀ।\nMy card is 2345 6789 0124.")
    press(page, translated("Send", language))
    number = page.url.partition("?")[0].rpartition("/")[2]
    expect(page.locator("main")).to_contain_text(translated("You get an answer at the latest by:", language))
    expect(page.locator("main")).to_contain_text("XXXX XXXX 0124")

    login = new_login(system, "grievance")
    officer = Staff(open_browser(DESK, scripts=False), system, "grievance", language, login)
    officer.page.get_by_role("link", name=number).click()
    officer.page.fill("#answer", "ਹੁਣ ਖੁੱਲ੍ਹਾ ਹੈ। It is open again.")
    press(officer.page, translated("Send the answer", language))
    expect(officer.page.locator("main")).to_contain_text(translated("Answered", language))

    told = newest_message(system, mobile, "request_answered")["text"]
    assert "It is open again" not in told
    link = next(word for word in told.split() if word.startswith(system.url))
    page.goto(link)
    expect(page.locator("main")).to_contain_text("It is open again.")
    visitor.open("/requests")
    expect(page.locator("main")).to_contain_text(number)
