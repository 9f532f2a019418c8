"""Who is away, in a browser: a delegation is made, decides under both names, and is ended."""

import pytest
from playwright.sync_api import expect

from contracts.model import Language
from tests.e2e.people import Staff, Visitor, press, translated
from tests.e2e.viewports import DESK, PHONE
from tests.support.system.system import System


@pytest.mark.parametrize(
    ("language", "scripts"),
    [("pa", True), ("en", False)],
    ids=["Punjabi", "English without scripts"],
)
def test_a_login_decides_for_an_officer_until_the_delegation_is_ended(
    open_browser, system: System, mobile: str, language: Language, scripts: bool
) -> None:
    reference = Visitor(open_browser(PHONE), system, mobile, "en").apply("Balvinder Singh")
    desk = Staff(open_browser(DESK, scripts=scripts), system, "department", language)
    page = desk.page

    desk.open("/desk/delegations")
    page.select_option("#officer", index=1)
    officer = page.input_value("#officer")
    page.select_option("#login", system.login("department")["login_id"])
    press(page)
    in_force = page.locator("tbody tr").first
    expect(in_force).to_contain_text(translated("In force", language))

    desk.find(reference)
    review = page.url
    page.locator("main a[href*='/forward?']").click()
    page.select_option("#officer", officer)
    press(page)
    page.goto(review)
    before, _, after = translated("You decide for %(officer)s.", language).partition("%(officer)s")
    expect(page.locator("main")).to_contain_text((before or after).strip())
    page.locator("button[form=approve]").click()
    page.goto(review)
    expect(page.locator("main")).to_contain_text(system.login("department")["login_id"])
    expect(page.locator("#approve")).to_have_count(0)

    desk.open("/desk/delegations")
    in_force.locator("button").click()
    expect(page.locator("[role=status]")).to_be_visible()
    expect(in_force).to_contain_text(translated("Ended", language))
    expect(in_force.locator("button")).to_have_count(0)
