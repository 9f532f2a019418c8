"""The pages, taps and keys with which an applicant applies on a phone.

A tap chooses something, puts the cursor into a field or presses a button. Keys are the characters typed.
Nobody was timed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Page

CARD = "4821"
PURPOSE = "Arms licence renewal"
CONTINUE = "main form:not([role=search]):not(.epass-offer) button.govuk-button"


@dataclass
class Counted:
    """What was seen and touched so far.

    Args:
        page: of the browser.
        pages: the addresses that were shown, in their order.
        taps: how often the screen was touched.
        keys: how many characters were typed.
    """

    page: Page
    pages: list[str] = field(default_factory=list)
    taps: int = 0
    keys: int = 0

    def see(self) -> None:
        """Count the page that is shown."""
        self.pages.append(self.page.url.partition("?")[0])

    def tap(self, selector: str) -> None:
        """Tap a link, a choice or a button."""
        self.page.locator(selector).first.click()
        self.taps += 1

    def fill(self, field_id: str, text: str) -> None:
        """Tap a field and type into it."""
        self.page.fill(f"#{field_id}", text)
        self.taps += 1
        self.keys += len(text)

    def go_on(self, button: str = CONTINUE) -> None:
        """Press the button that leads to the next page, and count that page."""
        with self.page.expect_navigation():
            self.tap(button)
        self.see()


def apply(counted: Counted, mobile: str, code: Callable[[], str]) -> Counted:
    """Apply for the first time, from the first page to the one with the reference.

    Args:
        counted: on the first page of applying.
        mobile: of the applicant.
        code: returns the code that came to it. With scripts its page goes on after the sixth digit.
    """
    counted.see()
    counted.fill("mobile", mobile)
    counted.go_on()
    if counted.page.locator("[data-goes-on]").is_visible():
        with counted.page.expect_navigation():
            counted.fill("code", code())
        counted.see()
    else:
        counted.fill("code", code())
        counted.go_on()
    counted.fill("name", "Gurpreet Kaur")
    counted.tap("input[name=id_type][value=voter_id]")
    counted.fill("id_last4", CARD)
    counted.go_on()
    counted.go_on("button[name=department][value='home@PCS1']")
    counted.tap("input[name=purpose_kind][value=meeting]")
    counted.fill("purpose", PURPOSE)
    _choose_time(counted)
    counted.go_on()
    counted.go_on()
    return counted


def apply_again(counted: Counted) -> Counted:
    """Apply with the answers of the last application."""
    counted.see()
    counted.fill("last_id_last4", CARD)
    counted.go_on(".epass-offer button")
    _choose_time(counted)
    counted.go_on()
    counted.go_on()
    return counted


def _choose_time(counted: Counted) -> None:
    counted.tap("input[name=date-0] >> nth=1")
    counted.tap("input[name=half-0][value=am]")
