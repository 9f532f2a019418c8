"""The gate as a tool: a scanner that types at full speed, and a queue that needs no mouse."""

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from contracts.errors import FieldError, InvalidInput
from contracts.rpc.verify.scans import ScanPass, ScanResult
from tests.e2e import gate_app
from tests.e2e.viewports import DESK, PHONE
from tests.support.factories.gateway import NUMBER
from tests.support.system.pages_alone import PagesAlone

TOKEN = f"eyJ{'aB3-' * 20}.eyJ{'xY_9' * 40}.{'Zq7w' * 21}aQ"
BURSTS = 20
WAYS = pytest.mark.parametrize(
    ("language", "scripts", "size"),
    [("pa", True, PHONE), ("en", False, DESK)],
    ids=["Punjabi phone", "English desk without scripts"],
)


class Verify(gate_app.Verify):
    """Verify, which knows one token and finds every other one torn."""

    def __call__(self, asked: ScanPass) -> ScanResult:
        if asked.token in {None, TOKEN}:
            return super().__call__(asked)
        self.scanned.append(asked)
        torn = FieldError(field="token", code="unreadable_token")
        raise InvalidInput(code="unreadable_token", fields=(torn,))


scan = partial(gate_app.scan, text=TOKEN)
"""Types as a scanner does: all at once, and Enter."""


@pytest.fixture
def verify(alone: PagesAlone) -> Iterator[Verify]:
    one = Verify()
    alone.answers["verify.scan"] = one
    yield one
    alone.reset()


@pytest.fixture
def open_gate(chromium: Browser, alone: PagesAlone) -> Iterator[Callable[..., Page]]:
    """Yield ``open_gate(language, size=DESK, scripts=True)``: the browser of an officer at the gate."""
    contexts: list[BrowserContext] = []

    def open_one(language: str, size: dict[str, int] = DESK, *, scripts: bool = True) -> Page:
        context = chromium.new_context(base_url=alone.url, viewport=size, java_script_enabled=scripts)
        contexts.append(context)
        alone.sign_in(context, "security")
        page = context.new_page()
        page.goto(f"/{language}/gate")
        if not scripts:  # nothing catches what is typed before the browser has focused the field
            expect(page.locator("#pass")).to_be_focused()
        return page

    yield open_one
    for context in contexts:
        context.close()


def bursts_taken_whole(page: Page, verify: Verify) -> int:
    """Return how many of the bursts arrive whole that begin as soon as the page is there."""
    for _ in range(BURSTS):
        page.goto("/en/gate", wait_until="domcontentloaded")
        with page.expect_navigation(url="**/gate/result"):
            scan(page)
    return [asked.token for asked in verify.scanned].count(TOKEN)


def test_no_scan_loses_a_character_although_it_begins_with_the_page(
    open_gate: Callable[..., Page], verify: Verify
) -> None:
    assert bursts_taken_whole(open_gate("en"), verify) == BURSTS


@WAYS
def test_the_next_scan_is_taken_while_the_verdict_stands(
    open_gate: Callable[..., Page], verify: Verify, language: str, scripts: bool, size: dict[str, int]
) -> None:
    page = open_gate(language, size, scripts=scripts)
    for _ in range(2):
        scan(page)
        expect(page.locator("#id_last4")).to_be_focused()
        page.keyboard.type("4821")
        page.keyboard.press("Enter")
        expect(page.locator(".epass-verdict--good")).to_be_visible()
        expect(page.locator("#pass")).to_be_focused()
    scan(page, text=TOKEN.replace("Z", "", 1))
    expect(page.locator(".epass-verdict--amber")).to_be_visible()
    expect(page.locator("#pass")).to_be_focused()
    scan(page, text=NUMBER)
    expect(page.locator("#id_last4")).to_be_focused()
    scan(page)  # this visitor steps aside, the next pass is scanned
    expect(page.locator("#id_last4")).to_be_focused()
    assert [asked.token == TOKEN for asked in verify.scanned][-1]


def test_a_scan_is_taken_wherever_the_focus_is(open_gate: Callable[..., Page], verify: Verify) -> None:
    page = open_gate("en")
    for selector in ("input[value=entry]", "nav a[hreflang=pa]", "a[href$='/gate/inside']"):
        page.goto("/en/gate")
        page.focus(selector)
        scan(page)
        expect(page.locator("#id_last4")).to_be_focused()
    page.goto("/en/gate")
    page.locator("body").click(position={"x": 5, "y": 500})
    scan(page)
    expect(page.locator("#id_last4")).to_be_focused()
    assert {asked.token for asked in verify.scanned} == {TOKEN}
