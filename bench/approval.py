"""The taps with which an officer approves the first choice, and the time that they take.

The time is that of the keystroke-level model (Card, Moran and Newell, Communications of the ACM 23(7), 1980):
1.1 s to point at something, 0.2 s to press the button of the mouse, 1.35 s of thought before each tap. Nobody
was timed, and what pages take to load is not in it.
"""

from dataclasses import dataclass

from playwright.sync_api import Page

POINT_SECONDS, PRESS_SECONDS, THOUGHT_SECONDS = 1.1, 0.2, 1.35


@dataclass(frozen=True)
class Tapped:
    """Taps that were made, and pages that were loaded."""

    taps: int
    pages: int

    @property
    def seconds(self) -> float:
        """By the model, without loading."""
        return self.taps * (POINT_SECONDS + PRESS_SECONDS + THOUGHT_SECONDS)


def approve_first(page: Page) -> Tapped:
    """Approve the first choice of the first application, from the open queue once one waits."""
    row = page.locator("[data-approve]").first
    while row.count() == 0:
        page.wait_for_timeout(500)
        page.reload()
    pages = 0

    def count(_: object) -> None:
        nonlocal pages
        pages += 1

    page.on("domcontentloaded", count)
    row.click()
    page.wait_for_url("**/desk?*notice=approved*")
    page.remove_listener("domcontentloaded", count)
    return Tapped(1, pages)
