"""The numbers in a browser: an officer sees what they decided, and everybody how fast departments decide."""

from playwright.sync_api import expect

from contracts.model import Language
from tests.e2e.people import DESKS, Staff, Visitor, row_of, translated
from tests.e2e.viewports import DESK, PHONE
from tests.support.system.system import System


@DESKS
def test_a_decision_is_counted_at_once_and_the_public_page_is_reached_from_every_footer(
    open_browser, system: System, mobile: str, language: Language, scripts: bool
) -> None:
    visitor = Visitor(open_browser(PHONE, scripts=scripts), system, mobile, language)
    reference = visitor.apply("Balvinder Singh")
    desk = Staff(open_browser(DESK, scripts=scripts), system, "department", language)
    row = row_of(desk, reference)
    own = desk.page.locator("main table").first.locator("tbody tr").first.locator("td").first
    desk.open("/desk/numbers")
    before = int(own.inner_text())

    desk.open("/desk")
    row.locator("[data-approve]").click()
    expect(desk.page.locator("[role=status]", has_text=translated("Approved.", language))).to_be_visible()
    desk.open("/desk/numbers")
    expect(own).to_have_text(str(before + 1))
    expect(desk.page.locator("svg[role=img]")).to_have_count(3)

    visitor.open("")
    visitor.page.locator("footer a[href$='/transparency']").click()
    title = translated("How fast departments decide", language)
    expect(visitor.page.locator("h1")).to_have_text(title)
