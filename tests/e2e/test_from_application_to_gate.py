"""One journey through pages only, in each language, with scripts and without."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.people import Staff, Visitor, newest_message, press
from tests.e2e.viewports import DESK, PHONE
from tests.support.system.system import System


@pytest.mark.parametrize(
    ("language", "scripts", "size"),
    [
        ("pa", True, PHONE), ("pa", False, DESK), ("hi", False, PHONE), ("hi", True, DESK),
        ("en", True, PHONE), ("en", False, DESK),
    ],
    ids=[
        "Punjabi phone", "Punjabi desk without scripts", "Hindi phone without scripts", "Hindi desk",
        "English phone", "English desk without scripts",
    ],
)  # fmt: skip
def test_an_application_becomes_a_pass_that_opens_the_gate(
    open_browser: Callable[..., Page],
    system: System,
    mobile: str,
    language: str,
    scripts: bool,
    size: dict[str, int],
) -> None:
    visitor = Visitor(open_browser(size, scripts=scripts), system, mobile, language)
    reference = visitor.apply("ਗੁਰਪ੍ਰੀਤ ਕੌਰ", companions=(("Harjit Singh", "0917"), ("Simran", None)))
    Staff(open_browser(DESK, scripts=scripts), system, "department", language).approve(reference)
    message = newest_message(system, mobile, "pass_issued")
    link = re.search(r"/p/[A-Za-z0-9_-]{22}", f"{message['text']} {message['link']}")
    assert link is not None
    visitor.page.goto(link[0])
    expect(visitor.page.locator(".epass-qr svg")).to_be_visible()
    number = "".join(visitor.page.locator(".number strong").inner_text().split())
    guard = Staff(open_browser(PHONE, scripts=scripts), system, "security", language)
    guard.page.fill("#pass", number)
    press(guard.page)
    expect(guard.page.locator("main")).to_contain_text("Harjit Singh")
    guard.page.fill("#id_last4", "4821")
    press(guard.page)
    expect(guard.page.locator(".epass-verdict--good")).to_be_visible()
    guard.open("/gate/inside")
    expect(guard.page.locator("tbody")).to_contain_text("3 / 3")
    visitor.open(f"/applications/{reference}")
    expect(visitor.page.locator(".epass-timeline li").first).to_be_visible()
