"""The whole system and a real Chromium in front of it."""

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.e2e.gate_app import MANIFEST, WORDS, Verify, allow_to_move_camera
from tests.e2e.viewports import PHONE
from tests.support.system.pages_alone import PagesAlone
from tests.support.system.system import System

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]  # fmt: skip
COUNT_PRINTS = "window.timesPrinted = 0; window.print = () => { window.timesPrinted += 1; };"
"""Chromium without a window never ends a print that a page begins, and then makes no PDF of it."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Yield Debian's Chromium."""
    path = shutil.which("chromium")
    assert path, "these tests want Chromium: make e2e installs it"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def note_complaints(page: Page, complaints: list[str]) -> None:
    """Note each error of a script, and what the policy of the page refuses."""
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda entry: complaints.append(entry.text) if "Content Security Policy" in entry.text else None,
    )


@pytest.fixture
def open_browser(chromium: Browser, system: System) -> Iterator[Callable[..., Page]]:
    """Yield ``open_browser(size=PHONE, scripts=True)``, which opens a new browser and returns its page.

    What a page complains of, or asks from elsewhere, fails the test.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_one(size: dict[str, int] = PHONE, *, scripts: bool = True, **options: Any) -> Page:
        context = chromium.new_context(
            base_url=system.url,
            viewport=size,
            ignore_https_errors=True,  # an installation has a certificate of its own
            java_script_enabled=scripts,
            locale="en-IN",
            timezone_id="Asia/Kolkata",
            **options,
        )
        contexts.append(context)
        context.add_init_script(COUNT_PRINTS)
        page = context.new_page()
        page.set_default_timeout(15_000)
        note_complaints(page, complaints)
        page.on(
            "request",
            lambda request: (
                complaints.append(request.url) if not request.url.startswith((system.url, "data:")) else None
            ),
        )
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []


_numbers = count(1)


@pytest.fixture
def mobile() -> str:
    """Return a mobile that no other test has."""
    return f"97{next(_numbers):08d}"


@pytest.fixture(scope="module")
def alone() -> Iterator[PagesAlone]:
    with PagesAlone() as pages:
        yield pages


@pytest.fixture
def verify(alone: PagesAlone) -> Iterator[Verify]:
    one = Verify()
    alone.answers["verify.scan"] = one
    alone.answers["verify.manifest"] = MANIFEST
    yield one
    alone.reset()


@pytest.fixture
def open_app(chromium: Browser, alone: PagesAlone, verify: Verify) -> Iterator[Callable[..., Page]]:
    """Yield ``open_app(language="en", size=PHONE, browser=chromium)``: the open app of a guard.

    ``script`` runs before it, and with ``may_zoom`` it may move the camera.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_one(
        language: str = "en",
        size: dict[str, int] = PHONE,
        browser: Browser = chromium,
        script: str = "",
        *,
        may_zoom: bool = False,
    ) -> Page:
        context = browser.new_context(
            base_url=alone.url, viewport=size, timezone_id="Asia/Kolkata", reduced_motion="reduce",
        )  # fmt: skip
        contexts.append(context)
        alone.sign_in(context, "security")
        context.add_init_script(f"localStorage['gate.language'] ??= '{language}'; {script}")
        page = context.new_page()
        page.set_default_timeout(15_000)
        if may_zoom:
            allow_to_move_camera(page)
        note_complaints(page, complaints)
        page.goto("/gate")
        expect(page.locator("#number")).to_be_visible()
        expect(page.locator(".bar__gate")).to_have_text(WORDS[language]["gate"] % {"number": 1})
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []
