"""The page of a pass on a phone: its QR, a stored copy that opens offline, and paper of the size A6."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Error, Page, expect

from epass_client import calls
from tests.e2e.viewports import DESK, PHONE
from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, Applicant, Department, Officer, issued, messages
from tests.support.system.system import System

STORE, REMOVE = "[data-pass=store]", "[data-pass=remove]"
ON_THE_PHONE = """Promise.all([caches.keys(), navigator.serviceWorker.getRegistrations()])
  .then((all) => all.flat().length)"""
"""Counts caches and service workers that are on the phone."""
FONTS_LOADED = """document.fonts.ready.then(() => ["ਪ", "A"].every(
  (letter) => document.fonts.check("16px 'e-Pass Latin', 'e-Pass Gurmukhi'", letter)))"""
POINT = 72 / 25.4
"""PDF units per millimetre."""
WITHOUT_QUIET_ZONE = 77 / 85
"""Modules of a QR of version 15."""


class Pass:
    """A pass made through the API: its applicant, reference, number, and the path of its page."""

    def __init__(self, system: System, **application: Any) -> None:
        self.applicant = Applicant(system)
        self.reference, shown = issued(self.applicant, Department(system), **application)
        self.number = shown.number
        sent = eventually(
            lambda: messages(system, self.applicant.mobile, "pass_issued"), "the pass comes by message", 30
        )
        link = re.search(r"/p/[A-Za-z0-9_-]{22}", f"{sent[-1].text} {sent[-1].link}")
        assert link is not None
        self.path = link[0]

    @property
    def token(self) -> str:
        """Return the content of its QR."""
        return self.applicant.token(self.number)

    def cancel(self) -> None:
        self.applicant.send(calls.cancel_application(self.reference))


@pytest.fixture(scope="module")
def good(system: System) -> Pass:
    """Yield a pass with many facts, which no test changes."""
    companions = [
        {"name": name, "name_latin": latin, "child": True}
        for name, latin in (("ਸਿਮਰਨ", "Simran"), ("ਜਸਲੀਨ", "Jasleen"))
    ]
    companions.append({"name": "Harjit Singh", "id_type": "driving_licence", "id_last4": "0917"})
    return Pass(
        system,
        officer="home-superintendent",
        vehicle="PB65AB1234",
        companions=companions,
        decision={"entries": 2},
    )


@pytest.fixture
def own(system: System) -> Pass:
    """Return a pass of this test alone."""
    return Pass(system)


def store_pass(page: Page, path: str) -> None:
    """Open a pass and store it on the phone."""
    page.goto(path)
    page.click(STORE)
    expect(page.locator("[data-pass=stored]")).to_be_visible()


def open_until(page: Page, path: str, condition: str) -> None:
    """Reload a pass until it has ended, since events take a moment."""

    def ended() -> bool:
        page.goto(path)
        return page.locator(f".epass-ending--{condition}:visible").count() == 1

    eventually(ended, f"the pass is {condition}", 30)
    expect(page.locator(".epass-qr")).to_have_count(0)


def cannot_be_opened_offline(page: Page, path: str) -> None:
    page.context.set_offline(True)
    with pytest.raises(Error, match="ERR_"):
        page.goto(path)
    page.context.set_offline(False)


def read_from_screen(page: Page, tmp_path: Any) -> list[str]:
    """Return what a scanner reads from a photograph of the screen."""
    picture = tmp_path / "screen.png"
    page.screenshot(path=picture, scale="css")
    with Image.open(picture) as image:
        return [code.text for code in zxingcpp.read_barcodes(image)]


def number_on(page: Page) -> str:
    return "".join(page.locator(".number strong").inner_text().split())


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_the_qr_is_read_from_a_phone_of_360_pixels(
    open_browser: Callable[..., Page], good: Pass, tmp_path: Path, scripts: bool
) -> None:
    page = open_browser(PHONE, scripts=scripts)
    page.goto(good.path)
    qr = page.locator(".epass-qr svg")
    qr.scroll_into_view_if_needed()
    box = qr.bounding_box()
    assert box is not None
    assert box["width"] == PHONE["width"], "as wide as the phone"
    assert read_from_screen(page, tmp_path) == [good.token]
    page.goto("/p/" + "A" * 22)
    assert read_from_screen(page, tmp_path) == [], "it was the pass that was read"


def test_a_stored_pass_opens_offline(open_browser: Callable[..., Page], good: Pass, tmp_path: Path) -> None:
    page = open_browser(PHONE)
    store_pass(page, good.path)
    expect(page.locator(STORE)).to_be_hidden()
    page.context.set_offline(True)
    page.goto(good.path)
    expect(page.locator(".epass-copy")).to_be_visible()
    assert number_on(page) == good.number
    page.locator(".epass-qr svg").scroll_into_view_if_needed()
    assert read_from_screen(page, tmp_path) == [good.token]
    assert page.evaluate(FONTS_LOADED), "with its styles and letters"
    page.context.set_offline(False)
    page.goto(good.path)
    expect(page.locator(".epass-copy")).to_be_hidden()


def test_a_pass_that_was_not_stored_or_was_removed_does_not_open_offline(
    open_browser: Callable[..., Page], good: Pass
) -> None:
    page = open_browser(PHONE)
    page.goto(good.path)
    expect(page.locator(STORE)).to_be_visible()
    assert page.evaluate(ON_THE_PHONE) == 0
    cannot_be_opened_offline(page, good.path)
    store_pass(page, good.path)
    page.click(REMOVE)
    expect(page.locator(STORE)).to_be_visible()
    assert page.evaluate(ON_THE_PHONE) == 0
    cannot_be_opened_offline(page, good.path)


def test_storing_one_pass_stores_no_other_page(
    open_browser: Callable[..., Page], good: Pass, own: Pass
) -> None:
    page = open_browser(PHONE)
    store_pass(page, good.path)
    page.goto(own.path)
    expect(page.locator(STORE)).to_be_visible()
    for path in (own.path, f"{good.path}/visit.ics", "/pa", "/pa/applications"):
        cannot_be_opened_offline(page, path)
    page.context.set_offline(True)
    page.goto(good.path)
    expect(page.locator(".epass-qr")).to_be_visible()


def test_a_cancelled_pass_replaces_the_stored_copy(
    open_browser: Callable[..., Page], own: Pass, tmp_path: Path
) -> None:
    page = open_browser(PHONE)
    store_pass(page, own.path)
    own.cancel()
    open_until(page, own.path, "cancelled")
    page.context.set_offline(True)
    page.goto(own.path)
    expect(page.locator(".epass-copy")).to_be_visible()
    expect(page.locator(".epass-ending--cancelled")).to_be_visible()
    expect(page.locator(".epass-qr")).to_have_count(0)
    assert read_from_screen(page, tmp_path) == []


def test_a_stored_copy_shows_by_the_clock_that_its_pass_is_over(
    open_browser: Callable[..., Page], good: Pass
) -> None:
    page = open_browser(PHONE)
    store_pass(page, good.path)
    until = page.locator("[data-until]").get_attribute("data-until")
    assert until is not None
    page.context.set_offline(True)
    page.clock.install(time=datetime.fromisoformat(until) - timedelta(minutes=10))
    page.goto(good.path)
    expect(page.locator(".epass-qr")).to_be_visible()
    page.clock.fast_forward(11 * 60 * 1000)
    expect(page.locator(".epass-ending--expired")).to_be_visible()
    expect(page.locator(".epass-qr")).to_be_hidden()


def test_a_used_pass_shows_no_qr_and_leaves_the_phone(
    open_browser: Callable[..., Page], system: System, own: Pass
) -> None:
    page, guard, token = open_browser(PHONE), Officer(system), own.token
    store_pass(page, own.path)
    assert guard.scan(token=token, id_check=MATCHED).verdict == "admit"
    page.goto(own.path)
    expect(page.locator(".epass-qr")).to_be_visible()
    assert guard.scan(token=token, direction="exit").verdict == "exit"
    page.goto(own.path)
    expect(page.locator(".epass-ending--used")).to_be_visible()
    expect(page.locator(".epass-qr")).to_have_count(0)
    eventually(lambda: page.evaluate(ON_THE_PHONE) == 0, "the copy on the phone has done its work, and goes")


@pytest.mark.parametrize("language", ["pa", "hi", "en"])
def test_a_pass_is_printed_on_one_sheet_of_a6_with_a_qr_that_paper_can_carry(
    open_browser: Callable[..., Page], good: Pass, language: str
) -> None:
    page = open_browser(DESK)
    page.goto(f"{good.path}?in={language}")
    paper = page.pdf(prefer_css_page_size=True)
    sheets = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", paper)
    assert [(round(float(width) / POINT), round(float(height) / POINT)) for width, height in sheets] == [
        (105, 148)
    ]
    page.emulate_media(media="print")
    box = page.locator(".epass-qr svg").bounding_box()
    assert box is not None
    assert box["width"] * 25.4 / 96 * WITHOUT_QUIET_ZONE >= 35
    for hidden in ("header", ".epass-languages", "[data-pass=actions]"):
        expect(page.locator(hidden)).to_be_hidden()
    expect(page.locator(".number strong")).to_be_visible()


def test_the_link_of_a_pass_is_not_printed_in_a_margin(open_browser: Callable[..., Page], good: Pass) -> None:
    page = open_browser(DESK)
    page.goto(good.path)
    margins = page.evaluate(
        """() => [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules])
        .filter((rule) => rule instanceof CSSPageRule && rule.selectorText === "pass")
        .map((rule) => parseFloat(rule.style.marginTop) + parseFloat(rule.style.marginBottom))"""
    )
    assert margins == [0], "a browser writes the address there"
    page.emulate_media(media="print")
    ticket = page.locator(".epass-ticket").bounding_box()
    assert ticket is not None
    assert ticket["x"] >= 18, "five millimetres"


def test_another_page_is_not_printed_on_a6(open_browser: Callable[..., Page]) -> None:
    page = open_browser(DESK)
    page.goto("/en")
    assert b"/MediaBox [0 0 612 792]" in page.pdf(prefer_css_page_size=True)
