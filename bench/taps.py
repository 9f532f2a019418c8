"""`python -m bench.taps`: the taps and keys that people need, counted in a browser on a system of its own.

The time is that of the keystroke-level model (see `walk_in` and `approval`): nobody was timed, and neither
reading nor loading is in it. The figures of 0.16.4 were counted by hand, in a browser.
"""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, sync_playwright

from bench import walk_in
from bench.__main__ import signed_in
from bench.approval import POINT_SECONDS, PRESS_SECONDS, THOUGHT_SECONDS
from bench.one_run import running_system
from bench.walk_in import KEY_SECONDS

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


BEFORE = {
    "approve, once the purpose is read": Effort(taps=1, scrolls=1),
    "reject with a note": Effort(taps=5, keys=len(NOTE), thoughts=3),
    "send back with a note": Effort(taps=3, keys=len(NOTE), thoughts=2),
}
"""The desk of 0.16.4. The purpose stood only beside the list, and Approve under the fold."""
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
    found = {name: decide(page) for name, decide in NOW.items()}
    assert not page.locator("[data-approve]").count(), "all are decided"
    return found


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
        line(f"{'':40} {'0.16.4':>24} {'now':>24}")
        now = desk(signed_in(browser, gateway, logins, "department", "desk"))
        for name, found in now.items():
            before = BEFORE[name]
            line(
                f"{name:40} {before.taps} taps {before.keys:3} keys {before.seconds:5.1f} s"
                f"   {found.taps} taps {found.keys:3} keys {found.seconds:5.1f} s"
            )
        old, new = morning(BEFORE), morning(now)
        line(f"{'a morning of 120':40} {old:20.1f} min {new:20.1f} min  × {new / old:.2f}")
        line(f"{'a walk-in without a phone':40} {'':24} {typed.keys:8} keys {typed.seconds:9.0f} s")
        browser.close()


if __name__ == "__main__":
    main()
