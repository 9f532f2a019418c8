"""The keys and taps with which an officer at a gate lets a queue in, and the time that they take.

A scanner or the camera reads the pass; only what the officer does is counted. The time is that of the
keystroke-level model (see `walk_in` and `approval`): nobody was timed.
"""

from collections.abc import Sequence

from playwright.sync_api import Page, expect

from bench.approval import Tapped
from bench.walk_in import Typed

CARD = "4821"
"""The last four of the ID proof of every visitor of the bench."""


def admit(page: Page, tokens: Sequence[str]) -> Typed:
    """Let in the visitors with these passes, one after another, from the open page of the gate in English.

    The officer reads the last four off the card and types them; each scan is made while the verdict on the
    visitor before is shown.

    Raises:
        AssertionError: a field does not have the focus when it is needed, or somebody is not admitted.
    """
    keys = 0
    for token in tokens:
        expect(page.locator("#pass")).to_be_focused()
        page.keyboard.type(token)
        page.keyboard.press("Enter")
        expect(page.locator("#id_last4")).to_be_focused()
        page.keyboard.type(CARD)
        page.keyboard.press("Enter")
        expect(page.locator(".epass-verdict--good")).to_be_visible()
        keys += len(CARD) + 1
    return Typed(keys, len(tokens))


def admit_with_app(page: Page, tokens: Sequence[str]) -> Tapped:
    """Let in the visitors with these passes from the open app of the gate, whatever its language.

    The officer compares the card with what is shown, and taps once. Each scan is made while the verdict on
    the visitor before is shown, and needs no tap.

    Raises:
        AssertionError: somebody is not admitted.
    """
    taps = 0
    for token in tokens:
        page.keyboard.type(token)
        page.keyboard.press("Enter")
        page.locator(".verdict--ask .button--main").click()
        expect(page.locator(".verdict--good")).to_be_visible()
        taps += 1
    return Tapped(taps, 0)
