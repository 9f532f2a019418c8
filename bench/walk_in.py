"""The keys that an operator presses to apply for a walk-in, and the time that they take.

The time is that of the keystroke-level model (Card, Moran and Newell, Communications of the ACM 23(7), 1980):
0.28 s a key for an average typist who is used to the page, and 1.35 s of thought before each field. Nobody
was timed.
"""

from dataclasses import dataclass

from playwright.sync_api import Page

KEY_SECONDS, THOUGHT_SECONDS = 0.28, 1.35
FIELDS = {
    "name": "Harjit Singh",
    "id_type": "Voter",
    "id_last4": "0917",
    "department-search": "hom",
    "purpose_kind": "A meeting",
    "purpose": "Arms licence renewal",
}
"""A visitor without a phone, for today: the rest is filled in already."""
MOST_TABS = 40


@dataclass(frozen=True)
class Typed:
    """Keys that were pressed, and fields that were filled in."""

    keys: int
    fields: int

    @property
    def seconds(self) -> float:
        """By the model."""
        return self.keys * KEY_SECONDS + self.fields * THOUGHT_SECONDS


def apply(page: Page) -> Typed:
    """Apply for a walk-in from the open counter page in English, by keyboard alone.

    Raises:
        AssertionError: Tab does not lead to a field.
    """
    keys = 0
    for field, text in FIELDS.items():
        keys += _tab_to(page, field) + len(text)
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    page.wait_for_url("**/counter/applications/*")
    return Typed(keys + 1, len(FIELDS))


def _tab_to(page: Page, field: str) -> int:
    for tabs in range(MOST_TABS):
        if page.locator(f"#{field}:focus").count():
            return tabs
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {field}")
