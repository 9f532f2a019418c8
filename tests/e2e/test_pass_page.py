"""The page of a pass on a phone: its QR is read from the screen, a copy opens without the internet, paper has the size A6."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, expect

from tests.e2e.conftest import DESK, PHONE
from tests.e2e.people import Staff, Visitor, newest_message, press
from tests.running import eventually
from tests.system import System

KEEP, FORGET = "[data-pass=keep]", "[data-pass=forget]"
POINT = 72 / 25.4
"""PDF units a millimetre."""


@pytest.fixture
def issued(open_browser: Callable[..., Page], system: System, mobile: str) -> tuple[Visitor, str, str]:
    """A visitor with a pass: he, the reference, the path of the pass's page."""
    visitor = Visitor(open_browser(PHONE), system, mobile)
    reference = visitor.apply("ਗੁਰਪ੍ਰੀਤ ਕੌਰ", companions=(("Harjit Singh", "0917"),))
    Staff(open_browser(DESK), system, "department").approve(reference)
    message = newest_message(system, mobile, "pass_issued")
    link = re.search(r"/p/[A-Za-z0-9_-]{22}", f"{message['text']} {message['link']}")
    assert link is not None
    return visitor, reference, link[0]


def read_from_screen(page: Page, tmp_path: Any) -> list[str]:
    """What a scanner reads from a photograph of the screen."""
    picture = tmp_path / "screen.png"
    page.screenshot(path=picture, scale="css")
    with Image.open(picture) as image:
        return [code.text for code in zxingcpp.read_barcodes(image)]


def number_on(page: Page) -> str:
    return "".join(page.locator(".number strong").inner_text().split())


def cancel(visitor: Visitor, reference: str, path: str) -> None:
    """Cancels the visit, and waits until the pass is revoked."""
    visitor.open(f"/applications/{reference}")
    press(visitor.page, "Cancel this visit")
    expect_ending(visitor, path, "cancelled")


def expect_ending(visitor: Visitor, path: str, condition: str) -> None:
    """Opens the pass until it has ended; what comes by event takes a moment."""
    page = visitor.page

    def ended() -> bool:
        page.goto(path)
        return page.locator(f".epass-ending--{condition}:visible").count() == 1

    eventually(ended, f"the pass is {condition}", 30)
    expect(page.locator(".epass-qr")).to_have_count(0)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_the_qr_is_read_from_a_phone_of_360_pixels(
    open_browser: Callable[..., Page], issued: tuple[Visitor, str, str], tmp_path: Any, scripts: bool
) -> None:
    _, _, path = issued
    page = open_browser(PHONE, scripts=scripts)
    page.goto(path)
    drawing = page.locator(".epass-qr svg")
    drawing.scroll_into_view_if_needed()
    box = drawing.bounding_box()
    assert box is not None
    assert box["width"] >= 350, "as wide as the phone"
    (token,) = read_from_screen(page, tmp_path)
    assert token.count(".") == 2
    page.evaluate("document.querySelector('.epass-qr').remove()") if scripts else page.goto(f"{path}/nothing")
    assert read_from_screen(page, tmp_path) == [], "it was the QR that was read"


@pytest.mark.parametrize("language", ["pa", "hi", "en"])
def test_the_page_switches_its_language_and_stays(issued: tuple[Visitor, str, str], language: str) -> None:
    visitor, _, path = issued
    page = visitor.page
    page.goto(path)
    number = number_on(page)
    if page.locator("html").get_attribute("lang") != language:
        page.locator(f"nav a[lang={language}]").click()
    expect(page.locator("html")).to_have_attribute("lang", language)
    assert number_on(page) == number
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), "nothing sticks out"


def test_a_kept_pass_opens_without_the_internet_and_one_that_is_not_kept_does_not(issued: tuple[Visitor, str, str], tmp_path: Any) -> None:
    visitor, _, path = issued
    page = visitor.page
    page.goto(path)
    number = number_on(page)
    page.click(KEEP)
    expect(page.locator("[data-pass=kept]")).to_be_visible()
    expect(page.locator(KEEP)).to_be_hidden()
    page.context.set_offline(True)
    page.goto(path)
    expect(page.locator(".epass-copy")).to_be_visible()
    assert number_on(page) == number
    assert len(read_from_screen_scrolled(page, tmp_path)) == 1
    assert page.evaluate("getComputedStyle(document.querySelector('.govuk-heading-l')).fontWeight") == "700", "with its styles"
    with pytest.raises(Exception, match="ERR_"):
        page.goto(path[:-1] + ("A" if path[-1] != "A" else "B"))
    page.context.set_offline(False)
    page.goto(path)
    expect(page.locator(".epass-copy")).to_be_hidden()
    page.click(FORGET)
    expect(page.locator(KEEP)).to_be_visible()
    page.context.set_offline(True)
    with pytest.raises(Exception, match="ERR_"):
        page.goto(path)
    page.context.set_offline(False)


def read_from_screen_scrolled(page: Page, tmp_path: Any) -> list[str]:
    page.locator(".epass-qr svg").scroll_into_view_if_needed()
    return read_from_screen(page, tmp_path)


def test_a_pass_that_was_not_kept_leaves_nothing_on_the_phone(issued: tuple[Visitor, str, str]) -> None:
    visitor, _, path = issued
    page = visitor.page
    page.goto(path)
    expect(page.locator(KEEP)).to_be_visible()
    assert page.evaluate("Promise.all([caches.keys(), navigator.serviceWorker.getRegistrations()]).then((all) => all.flat().length)") == 0


def test_a_cancelled_pass_takes_the_place_of_the_kept_copy(issued: tuple[Visitor, str, str], tmp_path: Any) -> None:
    visitor, reference, path = issued
    page = visitor.page
    page.goto(path)
    page.click(KEEP)
    expect(page.locator("[data-pass=kept]")).to_be_visible()
    cancel(visitor, reference, path)
    page.context.set_offline(True)
    page.goto(path)
    expect(page.locator(".epass-copy")).to_be_visible()
    expect(page.locator(".epass-ending--cancelled")).to_be_visible()
    expect(page.locator(".epass-qr")).to_have_count(0)
    assert read_from_screen(page, tmp_path) == []
    page.context.set_offline(False)


def test_a_kept_copy_knows_by_the_clock_when_its_pass_is_over(issued: tuple[Visitor, str, str]) -> None:
    visitor, _, path = issued
    page = visitor.page
    page.goto(path)
    page.click(KEEP)
    expect(page.locator("[data-pass=kept]")).to_be_visible()
    page.context.set_offline(True)
    until = page.locator("[data-until]").get_attribute("data-until")
    page.clock.install(time=until)
    page.goto(path)
    expect(page.locator(".epass-ending--expired")).to_be_visible()
    expect(page.locator(".epass-qr")).to_be_hidden()
    page.context.set_offline(False)


def test_a_used_pass_shows_no_qr(open_browser: Callable[..., Page], system: System, issued: tuple[Visitor, str, str]) -> None:
    visitor, _, path = issued
    page = visitor.page
    page.goto(path)
    number = number_on(page)
    guard = Staff(open_browser(PHONE), system, "security")
    guard.page.fill("#pass", number)
    press(guard.page)
    guard.page.fill("#id_last4", "4821")
    press(guard.page)
    expect(guard.page.locator(".epass-verdict--good")).to_be_visible()
    page.goto(path)
    expect(page.locator(".epass-qr")).to_be_visible()
    guard.open("/gate")
    guard.page.fill("#pass", number)
    guard.page.check("input[name=direction][value=exit]")
    press(guard.page)
    expect(guard.page.locator(".epass-verdict--good")).to_be_visible()
    expect_ending(visitor, path, "used")


def test_a_pass_is_printed_on_one_sheet_of_a6_with_a_qr_that_paper_can_carry(issued: tuple[Visitor, str, str]) -> None:
    visitor, _, path = issued
    page = visitor.page
    page.goto(path)
    paper = page.pdf(prefer_css_page_size=True)
    sheets = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", paper)
    assert [(round(float(width) / POINT), round(float(height) / POINT)) for width, height in sheets] == [(105, 148)]
    page.set_viewport_size({"width": 351, "height": 514})  # A6 without its margins, CSS pixels
    page.emulate_media(media="print")
    box = page.locator(".epass-qr svg").bounding_box()
    assert box is not None
    quiet = 8 / 85  # modules of a version 15 code with its quiet zone
    assert box["width"] * (1 - quiet) * 25.4 / 96 >= 35
    for hidden in ("header", "nav", "[data-pass=actions]"):
        expect(page.locator(hidden).first).to_be_hidden()
    expect(page.locator(".number strong")).to_be_visible()


def test_the_landing_page_leads_to_applying_in_the_language_of_the_browser(open_browser: Callable[..., Page]) -> None:
    page = open_browser(PHONE)
    page.goto("/")
    expect(page).to_have_url(re.compile(r"/en$"))
    page.locator("nav a[lang=pa]").click()
    expect(page.locator("html")).to_have_attribute("lang", "pa")
    page.locator("a.govuk-button--start").click()
    expect(page).to_have_url(re.compile(r"/pa/apply$"))
