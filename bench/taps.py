"""`python -m bench.taps`: the taps and keys that people need, counted in a browser on a system of its own.

The time is that of the keystroke-level model (see `walk_in` and `approval`): nobody was timed, and neither
reading nor loading is in it.
"""

import asyncio
import shutil
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from bench import applicant, journeys, walk_in
from bench.__main__ import signed_in
from bench.applicant import Counted
from bench.approval import POINT_SECONDS, PRESS_SECONDS, THOUGHT_SECONDS
from bench.load import Connection, requests
from bench.one_run import running_system
from bench.walk_in import KEY_SECONDS
from epass_client import Client, local

MOBILE, VISITOR = "9812300300", "+919812300310"
NOTE = "Please bring the file and apply again next week."


@dataclass(frozen=True)
class Effort:
    """What one task takes of a person.

    Args:
        taps: on the screen, or clicks.
        keys: typed.
        thoughts: pauses before an act: one for each decision.
    """

    taps: int = 0
    keys: int = 0
    thoughts: int = 1

    @property
    def seconds(self) -> float:
        """By the model."""
        return (
            self.taps * (POINT_SECONDS + PRESS_SECONDS)
            + self.keys * KEY_SECONDS
            + self.thoughts * THOUGHT_SECONDS
        )

    @property
    def words(self) -> str:
        """The counts, and the time."""
        return f"{self.taps} taps {self.keys:3} keys {self.seconds:5.1f} s"


MORNING = {
    "approve, once the purpose is read": 108,
    "reject with a note": 8,
    "send back with a note": 4,
}
"""What an officer decides on a morning: 120 applications."""


def line(text: str) -> None:
    """Print one line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _by_key(key: str, send: str) -> Callable[[Page], Effort]:
    """Return a decision that a key begins in the first row, with a note and a button that sends."""

    def decide(page: Page) -> Effort:
        page.locator("[data-opens]").first.focus()
        page.keyboard.press(key)
        page.locator("#note:focus").wait_for()
        page.keyboard.type(NOTE)
        with page.expect_navigation():
            page.locator(send).click()
        return Effort(taps=1, keys=1 + len(NOTE), thoughts=2)

    return decide


def approve(page: Page) -> Effort:
    """Approve the row that has the focus; the next one has it afterwards."""
    with page.expect_navigation():
        page.keyboard.press("a")
    return Effort(keys=1)


NOW: dict[str, Callable[[Page], Effort]] = {
    "approve, once the purpose is read": approve,
    "reject with a note": _by_key("r", "button[name=reason][value=no_appointment]"),
    "send back with a note": _by_key("s", "#review .epass-review__act button"),
}


def desk(page: Page) -> dict[str, Effort]:
    """Decide one application in each way, at the open desk; at least as many must wait."""
    while page.locator("[data-approve]").count() < len(NOW):
        page.wait_for_timeout(500)
        page.reload()
    page.locator("[data-opens]").first.focus()
    return {name: decide(page) for name, decide in NOW.items()}


def applications(page: Page, gateway: str) -> dict[str, Counted]:
    """Apply for the first time, and once more with the answers of then."""
    messages = local.list_messages(f"+91{MOBILE}")
    with Client(gateway) as phone:

        def code() -> str:
            while (found := local.one_time_code(phone.send(messages).root)) is None:
                page.wait_for_timeout(100)
            return found

        page.goto("/en/apply/who")
        first = applicant.apply(Counted(page), MOBILE, code)
    page.goto("/en/apply/who")
    return {"first application": first, "next application": applicant.apply_again(Counted(page))}


async def come(gateway: str, logins: Path) -> None:
    """Let one visitor of the department enter."""
    visitors = await journeys.run(gateway, logins, 1, [VISITOR])
    connection = await Connection(gateway).open()
    await connection.send(next(requests(visitors.tokens, visitors.security)))
    connection.close()


def visit(page: Page) -> dict[str, Effort]:
    """Answer the one visitor who has come, and say that they were met, at the open desk."""

    def press(name: str) -> None:
        with page.expect_navigation():
            page.get_by_role("button", name=name).first.click()

    while not page.goto("/en/desk/visits") or not page.get_by_role("button", name="Let them come").count():
        page.wait_for_timeout(500)
    press("Let them come")
    with page.expect_navigation():
        page.locator("a[href$='part=called']").click()
    press("Met ")
    return {"let a visitor come": Effort(taps=1), "say that a visitor was met": Effort(taps=2)}


def morning(efforts: dict[str, Effort]) -> float:
    """Return the minutes that a morning's decisions take, without reading and loading."""
    return sum(count * efforts[name].seconds for name, count in MORNING.items()) / 60


def main() -> None:
    """Print the table."""
    with running_system() as (stack, services), sync_playwright() as playwright:
        gateway, logins = services.address("gateway"), stack.folder / "logins.json"
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        with ThreadPoolExecutor() as beside:  # Playwright has an event loop in this thread
            beside.submit(asyncio.run, come(gateway, logins)).result()
        counter = signed_in(browser, gateway, logins, "reception", "counter")
        for _ in NOW:
            typed = walk_in.apply(counter)
            counter.goto("/en/counter")
        phone = browser.new_page(base_url=gateway, viewport={"width": 360, "height": 740})
        for name, found in applications(phone, gateway).items():
            line(f"{name:40} {len(found.pages):2} pages {found.taps:2} taps {found.keys:3} keys")
        officer = signed_in(browser, gateway, logins, "department", "desk")
        now = desk(officer)
        for name, effort in {**now, **visit(officer)}.items():
            line(f"{name:40} {effort.words}")
        line(f"{'a morning of 120 decisions':40} {morning(now):.1f} min")
        line(f"{'walk-in without a phone':40} {typed.keys} keys {typed.seconds:5.1f} s")
        browser.close()


if __name__ == "__main__":
    main()
