"""`python -m bench.taps`: the taps and keys that people need, counted in a browser on a system of its own.

The time is that of the keystroke-level model (see `walk_in` and `approval`): nobody was timed, and neither
reading nor loading is in it. The figures of 0.16.4 were counted by hand, in a browser.
"""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, sync_playwright

from bench import applicant, walk_in
from bench.__main__ import signed_in
from bench.applicant import Counted
from bench.approval import POINT_SECONDS, PRESS_SECONDS, THOUGHT_SECONDS
from bench.one_run import running_system
from bench.walk_in import KEY_SECONDS
from epass_client import Client, local

MOBILE = "9812300300"
NOTE = "Please bring the file and apply again next week."


@dataclass(frozen=True)
class Effort:
    """What one task takes of a person.

    Args:
        taps: on the screen, or clicks.
        keys: typed.
        thoughts: pauses before an act: one for each decision.
        scrolls: turns of the wheel, each like pointing at something.
    """

    taps: int = 0
    keys: int = 0
    thoughts: int = 1
    scrolls: int = 0

    @property
    def seconds(self) -> float:
        """By the model."""
        return (
            self.taps * (POINT_SECONDS + PRESS_SECONDS)
            + self.keys * KEY_SECONDS
            + self.thoughts * THOUGHT_SECONDS
            + self.scrolls * POINT_SECONDS
        )

    @property
    def words(self) -> str:
        """The counts, and the time."""
        return f"{self.taps} taps {self.keys:3} keys {self.seconds:5.1f} s"


BEFORE = {
    "approve, once the purpose is read": Effort(taps=1, scrolls=1),
    "reject with a note": Effort(taps=5, keys=len(NOTE), thoughts=3),
    "send back with a note": Effort(taps=3, keys=len(NOTE), thoughts=2),
}
"""The desk of 0.16.4. The purpose stood only beside the list, and Approve under the fold."""
APPLICATIONS_BEFORE = {"first application": (11, 25, 70), "next application": (5, 12, 4)}
"""Pages, taps and keys of 0.16.4, the next one signed in already."""
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


def words(pages: int, taps: int, keys: int) -> str:
    """Return a count in words."""
    return f"{pages:2} pages {taps:2} taps {keys:3} keys"


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
        counter = signed_in(browser, gateway, logins, "reception", "counter")
        for _ in NOW:
            typed = walk_in.apply(counter)
            counter.goto("/en/counter")
        line(f"{'':40} {'0.16.4':>28} {'now':>28}")
        phone = browser.new_page(base_url=gateway, viewport={"width": 360, "height": 740})
        for name, found in applications(phone, gateway).items():
            after = words(len(found.pages), found.taps, found.keys)
            line(f"{name:40} {words(*APPLICATIONS_BEFORE[name]):>28} {after:>28}")
        now = desk(signed_in(browser, gateway, logins, "department", "desk"))
        for name, effort in now.items():
            line(f"{name:40} {BEFORE[name].words:>28} {effort.words:>28}")
        old, new = morning(BEFORE), morning(now)
        line(f"{'a morning of 120 decisions':40} {old:24.1f} min {new:24.1f} min  × {new / old:.2f}")
        walked = f"{typed.keys} keys {typed.seconds:5.1f} s"
        line(f"{'walk-in without a phone':40} {'65 keys':>28} {walked:>28}")
        browser.close()


if __name__ == "__main__":
    main()
