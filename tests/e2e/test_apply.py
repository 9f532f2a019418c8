"""Applying in a real browser, with scripts and without: nothing that was typed is lost."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from bench import applicant
from bench.applicant import Counted
from contracts.model import IST
from services.chassis.runtime.clock import now
from tests.e2e.people import Staff, Visitor, press
from tests.e2e.viewports import PHONE, WAYS
from tests.support.system.system import System

Open = Callable[..., Page]


def choose(name: str, value: str) -> Callable[[Page], None]:
    return lambda page: page.check(f"input[name={name}][value='{value}']")


def introduce(page: Page) -> None:
    page.fill("#name", "Gurpreet Kaur")
    choose("id_type", "voter_id")(page)
    page.fill("#id_last4", "4821")


def explain(page: Page) -> None:
    choose("purpose_kind", "meeting")(page)
    page.fill("#purpose", "Arms licence renewal, file 114/2026")
    choose("date-0", (now().astimezone(IST) + timedelta(days=1)).date().isoformat())(page)
    choose("half-0", "am")(page)


STEPS: list[tuple[str, Callable[[Page], None]]] = [
    ("who", introduce), ("department", lambda _: None), ("visit", explain), ("check", lambda _: None),
]  # fmt: skip
"""The pages of applying, each with what is chosen and typed before its first button is pressed."""


def on(page: Page, question: str) -> None:
    expect(page).to_have_url(re.compile(rf"/apply/{question}$"))


def go_to(visitor: Visitor, question: str) -> Page:
    """Answer everything up to a question."""
    visitor.open("/apply/who")
    if visitor.page.locator("#mobile").count():
        visitor.sign_in()
    for name, answer in STEPS:
        on(visitor.page, name)
        if name == question:
            break
        answer(visitor.page)
        if name == "department":
            visitor.page.locator("button[name=department][value='home@PCS1']").first.click()
        else:
            press(visitor.page)
    return visitor.page


def reference_of(page: Page) -> str:
    on(page, "done")
    return page.locator(".govuk-panel strong").inner_text()


def test_a_code_can_be_sent_again_when_the_countdown_is_over(
    open_browser: Open, system: System, mobile: str
) -> None:
    visitor = Visitor(open_browser(PHONE), system, mobile)
    visitor.open("/sign-in")
    visitor.page.fill("#mobile", mobile)
    visitor.page.clock.install()
    press(visitor.page)
    again = visitor.page.locator("#again")
    expect(again).to_be_disabled()
    expect(again).to_have_text(re.compile(r"\(\d+\)"))
    visitor.page.clock.fast_forward(31_000)
    expect(again).to_be_enabled()
    expect(again).to_have_text("Send it again")


@WAYS
def test_back_refresh_and_a_second_click_are_harmless(
    open_browser: Open, system: System, mobile: str, language: str, scripts: bool, size: dict[str, int]
) -> None:
    visitor = Visitor(open_browser(size, scripts=scripts), system, mobile, language)
    page = go_to(visitor, "check")
    press(page)
    reference = reference_of(page)
    page.reload()
    assert reference_of(page) == reference
    page.go_back()
    if page.locator("input[name=shown]").count():  # the browser may show the page as it was
        press(page)
        assert reference_of(page) == reference
    visitor.open("/applications")
    expect(page.locator("main a[href*='/applications/PCS-']")).to_have_count(1)


@WAYS
def test_an_application_that_is_sent_while_the_service_is_down_is_sent_once(
    open_browser: Open, system: System, mobile: str, language: str, scripts: bool, size: dict[str, int]
) -> None:
    visitor = Visitor(open_browser(size, scripts=scripts), system, mobile, language)
    page = go_to(visitor, "check")
    application = system.processes["application"]
    application.kill()
    try:
        with page.expect_navigation() as outage:
            press(page)
        assert outage.value is not None
        assert outage.value.status == 503
        expect(page.locator("main")).to_contain_text("Arms licence renewal")
    finally:
        application.start()
    press(page)
    reference_of(page)
    visitor.open("/applications")
    expect(page.locator("main a[href*='/applications/PCS-']")).to_have_count(1)


def test_scripts_hide_the_id_card_of_a_child_and_offer_only_fitting_times(
    open_browser: Open, system: System, mobile: str
) -> None:
    page = go_to(Visitor(open_browser(PHONE), system, mobile), "visit")
    explain(page)
    page.locator("details:has(> [data-exact] #from-0) > summary").click()
    page.select_option("#from-0", "10:00")
    expect(page.locator("input[name=half-0]:checked")).to_have_count(0)
    expect(page.locator("#to-0 option[value='10:00']")).to_be_disabled()
    expect(page.locator("#to-0 option[value='10:30']")).to_be_enabled()
    choose("half-0", "am")(page)
    expect(page.locator("#from-0")).to_have_value("")
    page.check("#wishes")
    press(page)
    choose("more", "yes")(page)
    press(page)
    expect(page.locator("#id_last4")).to_be_visible()
    page.check("#child")
    expect(page.locator("#id_last4")).to_be_hidden()


@pytest.mark.parametrize(("scripts", "taps"), [(True, 14), (False, 15)], ids=["scripts", "no scripts"])
def test_a_first_application_takes_seven_pages_and_14_taps_and_the_next_one_six_taps(
    open_browser: Open, system: System, mobile: str, scripts: bool, taps: int
) -> None:
    """Without scripts the same pages: only the code does not go on by itself."""
    visitor = Visitor(open_browser(PHONE, scripts=scripts), system, mobile)
    visitor.open("/apply")
    first = applicant.apply(Counted(visitor.page), mobile, visitor.code)
    visitor.open("/apply")
    again = applicant.apply_again(Counted(visitor.page))
    print(f"first {len(first.pages)} pages, {first.taps} taps, {first.keys} keys")
    print(f"again {len(again.pages)} pages, {again.taps} taps, {again.keys} keys")
    names = [url.rpartition("/")[2] for url in first.pages]
    assert names == ["apply", "code", "who", "department", "visit", "check", "done"]
    assert [url.rpartition("/")[2] for url in again.pages] == ["who", "visit", "check", "done"]
    assert first.taps <= taps
    assert again.taps <= 6


@WAYS
def test_an_operator_applies_for_a_visitor_whose_phone_proves_the_number(
    open_browser: Open, system: System, mobile: str, language: str, scripts: bool, size: dict[str, int]
) -> None:
    operator = Staff(open_browser(size, scripts=scripts), system, "assisted", language)
    press(operator.page)
    visitor = Visitor(operator.page, system, mobile, language)
    page = go_to(visitor, "check")
    expect(page.locator("body")).to_contain_text("SEW-0001")
    press(page)
    reference_of(page)
    page.locator("a[href$='/assist']").click()
    press(page)
    expect(page.locator("#mobile")).to_have_value("")
    visitor.open("/applications")
    expect(page.locator("#mobile")).to_be_visible()
