"""The page of a pass on a phone: its QR is read from the screen, a copy opens without the internet, paper has the size A6."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Error, Page, expect

from tests.e2e.conftest import DESK, PHONE
from tests.journey.actors import MATCHED, Applicant, Department, Officer, issued, messages
from tests.running import eventually
from tests.system import System

KEEP, FORGET = "[data-pass=keep]", "[data-pass=forget]"
ON_THE_PHONE = "Promise.all([caches.keys(), navigator.serviceWorker.getRegistrations()]).then((all) => all.flat().length)"
"""How much was left there."""
POINT = 72 / 25.4
"""PDF units a millimetre."""
WITHOUT_QUIET_ZONE = 77 / 85
"""Modules of a QR of version 15."""


class Visit:
    """A visit with its pass, made through the interface: who applied, the reference, the number, the page's path, a phone."""

    def __init__(self, system: System, page: Page) -> None:
        self.page, self.applicant, self.system = page, Applicant(system), system
        self.reference, shown = issued(self.applicant, Department(system))
        self.number: str = shown["number"]
        told = eventually(lambda: messages(system, self.applicant.mobile, "pass_issued"), "the pass comes by message", 30)
        link = re.search(r"/p/[A-Za-z0-9_-]{22}", f"{told[-1]['text']} {told[-1]['link']}")
        assert link is not None
        self.path = link[0]

    def open(self) -> Page:
        self.page.goto(self.path)
        return self.page

    def keep(self) -> Page:
        """Opens the page and has it kept."""
        page = self.open()
        page.click(KEEP)
        expect(page.locator("[data-pass=kept]")).to_be_visible()
        return page

    def open_until(self, condition: str) -> Page:
        """Opens the page until its pass has ended; what comes by event takes a moment."""

        def ended() -> bool:
            return self.open().locator(f".epass-ending--{condition}:visible").count() == 1

        eventually(ended, f"the pass is {condition}", 30)
        expect(self.page.locator(".epass-qr")).to_have_count(0)
        return self.page


@pytest.fixture
def visit(open_browser: Callable[..., Page], system: System) -> Visit:
    return Visit(system, open_browser(PHONE))


def read_from_screen(page: Page, tmp_path: Any) -> list[str]:
    """What a scanner reads from a photograph of the screen."""
    picture = tmp_path / "screen.png"
    page.screenshot(path=picture, scale="css")
    with Image.open(picture) as image:
        return [code.text for code in zxingcpp.read_barcodes(image)]


def number_on(page: Page) -> str:
    return "".join(page.locator(".number strong").inner_text().split())


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_the_qr_is_read_from_a_phone_of_360_pixels(open_browser: Callable[..., Page], visit: Visit, tmp_path: Path, scripts: bool) -> None:
    page = open_browser(PHONE, scripts=scripts)
    page.goto(visit.path)
    drawing = page.locator(".epass-qr svg")
    drawing.scroll_into_view_if_needed()
    box = drawing.bounding_box()
    assert box is not None
    assert box["width"] == PHONE["width"], "as wide as the phone"
    assert read_from_screen(page, tmp_path) == [visit.applicant.token(visit.number)]
    page.goto(f"{visit.path}/visit")
    assert read_from_screen(page, tmp_path) == [], "it was the pass that was read"


@pytest.mark.parametrize("language", ["pa", "hi", "en"])
@pytest.mark.parametrize("size", [PHONE, DESK, {"width": 320, "height": 640}], ids=["phone", "desk", "narrow"])
def test_the_page_switches_its_language_and_nothing_sticks_out(
    open_browser: Callable[..., Page], visit: Visit, language: str, size: Any
) -> None:
    page = open_browser(size)
    page.goto(visit.path)
    expect(page.locator("html")).to_have_attribute("lang", "pa")
    if language != "pa":
        page.locator(f"nav a[lang={language}]").click()
    expect(page.locator("html")).to_have_attribute("lang", language)
    assert number_on(page) == visit.number
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_a_kept_pass_opens_without_the_internet(visit: Visit, tmp_path: Path) -> None:
    page = visit.keep()
    expect(page.locator(KEEP)).to_be_hidden()
    page.context.set_offline(True)
    visit.open()
    expect(page.locator(".epass-copy")).to_be_visible()
    assert number_on(page) == visit.number
    page.locator(".epass-qr svg").scroll_into_view_if_needed()
    assert read_from_screen(page, tmp_path) == [visit.applicant.token(visit.number)]
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).fontFamily").startswith('"e-Pass Latin"'), "with its styles"
    page.context.set_offline(False)
    visit.open()
    expect(page.locator(".epass-copy")).to_be_hidden()


def test_a_pass_that_was_not_kept_or_was_removed_does_not(visit: Visit) -> None:
    page = visit.open()
    expect(page.locator(KEEP)).to_be_visible()
    assert page.evaluate(ON_THE_PHONE) == 0
    cannot_be_opened_offline(visit)
    visit.keep().click(FORGET)
    expect(page.locator(KEEP)).to_be_visible()
    assert page.evaluate(ON_THE_PHONE) == 0
    cannot_be_opened_offline(visit)


def test_keeping_one_pass_keeps_no_other(open_browser: Callable[..., Page], system: System, visit: Visit) -> None:
    visit.keep()
    other = Visit(system, visit.page)
    other.open()
    cannot_be_opened_offline(other)
    visit.page.context.set_offline(True)
    expect(visit.open().locator(".epass-qr")).to_be_visible()


def cannot_be_opened_offline(visit: Visit) -> None:
    visit.page.context.set_offline(True)
    with pytest.raises(Error, match="ERR_"):
        visit.open()
    visit.page.context.set_offline(False)
    visit.open()


def test_a_cancelled_pass_takes_the_place_of_the_kept_copy(visit: Visit, tmp_path: Path) -> None:
    page = visit.keep()
    assert visit.applicant.post(f"/applications/{visit.reference}/cancel").is_success
    visit.open_until("cancelled")
    page.context.set_offline(True)
    visit.open()
    expect(page.locator(".epass-copy")).to_be_visible()
    expect(page.locator(".epass-ending--cancelled")).to_be_visible()
    expect(page.locator(".epass-qr")).to_have_count(0)
    assert read_from_screen(page, tmp_path) == []


def test_a_kept_copy_knows_by_the_clock_when_its_pass_is_over(visit: Visit) -> None:
    page = visit.keep()
    until = page.locator("[data-until]").get_attribute("data-until")
    assert until is not None
    page.context.set_offline(True)
    page.clock.install(time=datetime.fromisoformat(until) - timedelta(minutes=10))
    visit.open()
    expect(page.locator(".epass-qr")).to_be_visible()
    page.clock.fast_forward(11 * 60 * 1000)
    expect(page.locator(".epass-ending--expired")).to_be_visible()
    expect(page.locator(".epass-qr")).to_be_hidden()


def test_a_used_pass_shows_no_qr(system: System, visit: Visit) -> None:
    guard, token = Officer(system), visit.applicant.token(visit.number)
    assert guard.scan(token=token, id_check=MATCHED)["verdict"] == "admit"
    expect(visit.open().locator(".epass-qr")).to_be_visible()
    assert guard.scan(token=token, direction="exit")["verdict"] == "exit"
    visit.open()
    expect(visit.page.locator(".epass-ending--used")).to_be_visible()
    expect(visit.page.locator(".epass-qr")).to_have_count(0)


def test_a_pass_is_printed_on_one_sheet_of_a6_with_a_qr_that_paper_can_carry(visit: Visit) -> None:
    page = visit.open()
    paper = page.pdf(prefer_css_page_size=True)
    sheets = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", paper)
    assert [(round(float(width) / POINT), round(float(height) / POINT)) for width, height in sheets] == [(105, 148)]
    page.emulate_media(media="print")
    box = page.locator(".epass-qr svg").bounding_box()
    assert box is not None
    assert box["width"] * 25.4 / 96 * WITHOUT_QUIET_ZONE >= 35
    for hidden in ("header", "nav", "[data-pass=actions]"):
        expect(page.locator(hidden).first).to_be_hidden()
    expect(page.locator(".number strong")).to_be_visible()


def test_the_first_page_leads_to_applying_in_the_language_of_the_reader(open_browser: Callable[..., Page]) -> None:
    page = open_browser(PHONE)
    page.goto("/")
    expect(page).to_have_url(re.compile(r"/en$"))
    page.locator("nav a[lang=pa]").click()
    expect(page.locator("html")).to_have_attribute("lang", "pa")
    page.locator("a.govuk-button--start").click()
    expect(page).to_have_url(re.compile(r"/pa/apply$"))
