"""Applying in a real browser, with scripts and without: nothing that was typed is lost."""

import re
from collections.abc import Callable
from datetime import timedelta

from playwright.sync_api import Page, expect

from bench import applicant
from bench.applicant import Counted
from contracts.model import IST
from services.chassis.runtime.clock import now
from tests.e2e.people import Staff, Visitor, press
from tests.e2e.viewports import PHONE, WAYS
from tests.support.system.system import System

SIGNING_IN = ("/apply", "/sign-in", "/sign-in/code")
"""The pages before the first question."""
Open = Callable[..., Page]


def choose(name: str, value: str) -> Callable[[Page], None]:
    return lambda page: page.check(f"input[name={name}][value='{value}']")


def introduce(page: Page) -> None:
    page.fill("#name", "Gurpreet Kaur")
    choose("id_type", "voter_id")(page)
    page.fill("#id_last4", "4821")


def explain(page: Page) -> None:
    for name, value in (("site", "PCS1"), ("officer", "anyone"), ("purpose_kind", "meeting")):
        choose(name, value)(page)
    page.fill("#purpose", "Arms licence renewal, file 114/2026")


def when(page: Page) -> None:
    page.select_option("#date-0", (now().astimezone(IST) + timedelta(days=1)).date().isoformat())
    page.select_option("#from-0", "10:00")
    page.select_option("#to-0", "12:00")


STEPS: list[tuple[str, Callable[[Page], None]]] = [
    ("who", introduce), ("department", choose("department", "home")), ("purpose", explain), ("when", when),
    ("companions", lambda _: None), ("check", lambda _: None),
]  # fmt: skip


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
    page = go_to(Visitor(open_browser(PHONE), system, mobile), "when")
    page.select_option("#from-0", "10:00")
    expect(page.locator("#to-0 option[value='10:00']")).to_be_disabled()
    expect(page.locator("#to-0 option[value='10:30']")).to_be_enabled()
    when(page)
    press(page)
    choose("more", "yes")(page)
    press(page)
    expect(page.locator("#id_last4")).to_be_visible()
    page.check("#child")
    expect(page.locator("#id_last4")).to_be_hidden()


def test_an_applicant_sees_at_most_ten_pages_and_a_returning_one_answers_three(
    open_browser: Open, system: System, mobile: str
) -> None:
    visitor = Visitor(open_browser(PHONE), system, mobile)
    visitor.sign_in_at("/apply/who")
    first = applicant.apply(Counted(visitor.page))
    visitor.open("/apply/who")
    again = applicant.apply_again(Counted(visitor.page))
    print(f"first {len(first.pages)} pages, {first.taps} taps, {first.keys} keys")
    print(f"again {len(again.pages)} pages, {again.taps} taps, {again.keys} keys")
    assert len(SIGNING_IN) + len(first.pages) <= 10
    assert [url.rpartition("/")[2] for url in again.pages] == ["who", "when", "check", "done"]
    assert first.taps + first.keys < 60


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
