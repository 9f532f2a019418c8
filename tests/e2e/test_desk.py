"""The desk in a browser: an officer decides from the row, beside the list, and many at once."""

import pytest
from playwright.sync_api import expect

from contracts.model import Language
from tests.e2e.people import DESKS, Staff, Visitor, row_of, translated
from tests.e2e.viewports import DESK, PHONE
from tests.support.system.system import System


@DESKS
def test_an_officer_decides_from_the_row_and_beside_the_list(
    open_browser, system: System, mobile: str, language: Language, scripts: bool
) -> None:
    visitor = Visitor(open_browser(PHONE), system, mobile, "en")
    references = [visitor.apply(name) for name in ("Balvinder Singh", "Geeta Sharma", "Harjit Singh")]
    desk = Staff(open_browser(DESK, scripts=scripts), system, "department", language)
    page = desk.page
    balvinder, geeta, harjit = [row_of(desk, reference) for reference in references]

    desk.open("/desk")
    balvinder.locator("[data-approve]").click()
    expect(page.locator("[role=status]", has_text=translated("Approved.", language))).to_be_visible()
    expect(balvinder).to_have_count(0)

    geeta.locator("[data-opens]").click()
    expect(page.locator("#review h2").first).to_contain_text("Geeta Sharma")
    expect(harjit).to_be_visible()
    page.locator("button[form=approve]").click()
    expect(page.locator("[role=status]", has_text=translated("Approved.", language))).to_be_visible()

    desk.open("/desk?status=decided")
    expect(geeta).to_contain_text(translated("Approved", language))
    geeta.locator("[data-opens]").click()
    page.locator("a[href$='/withdraw']").click()
    page.check("input[name=reason][value=security]")
    page.locator("main form button.govuk-button").click()
    expect(page.locator("blockquote")).to_contain_text(references[1])
    page.locator("main form button.govuk-button").click()
    expect(page.locator(".govuk-tag").first).to_have_text(translated("Withdrawn", language))

    desk.open("/desk")
    harjit.locator("input[name=review]").check()
    page.locator("button[form=many]").click()
    expect(harjit).to_have_count(0)
    visitor.wait_for(references[2], "a[href$='/qr']")


@pytest.mark.parametrize("language", ["pa", "en"])
def test_an_open_desk_shows_a_new_application_by_itself(
    open_browser, system: System, mobile: str, language: Language
) -> None:
    desk = Staff(open_browser(DESK), system, "department", language)
    desk.open("/desk")
    name = "Simran " + "".join("ABCDEFGHIJ"[int(digit)] for digit in mobile[-8:]).capitalize()
    Visitor(open_browser(PHONE), system, mobile, "en").apply(name)
    expect(desk.page.locator("[data-review]", has_text=name)).to_be_visible(timeout=30_000)


def test_the_key_r_rejects_the_row_that_the_keys_have_reached_and_not_the_open_one(
    open_browser, system: System, mobile: str
) -> None:
    visitor = Visitor(open_browser(PHONE), system, mobile, "en")
    references = [visitor.apply(name) for name in ("Jaspal Singh", "Kiran Bala")]
    desk = Staff(open_browser(DESK), system, "department", "en")
    opened, reached = [row_of(desk, reference) for reference in references]
    desk.open("/desk")
    opened.locator("[data-opens]").click()
    expect(desk.page.locator("#review h2").first).to_contain_text("Jaspal Singh")
    reached.locator("[data-opens]").focus()
    chosen = reached.get_attribute("data-review")
    desk.page.keyboard.press("r")
    expect(desk.page.locator("#note")).to_be_focused()
    desk.page.keyboard.type("Come with the file")
    assert f"open={chosen}&asks=reject" in desk.page.url
    desk.page.locator("button[name=reason][value=duplicate]").click()
    expect(reached).to_have_count(0)
    expect(opened).to_be_visible()
