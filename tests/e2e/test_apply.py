"""Applying in a real browser, with scripts and without: nothing that was typed is lost."""

import re
from collections.abc import Callable
from datetime import timedelta

import httpx
import pytest
from playwright.sync_api import Page, expect

from bench import applicant
from bench.applicant import Counted
from contracts.model import IST
from services.chassis.runtime.clock import now
from tests.e2e.people import Staff, Visitor, press
from tests.e2e.viewports import DESK, PHONE, WAYS
from tests.support.stack.running import eventually
from tests.support.system.system import System

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
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
    choose("site", "PCS1")(page)
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


def go_to(visitor: Visitor, question: str, seen: Callable[[str], None] = lambda _: None) -> Page:
    """Answer everything up to a question; call ``seen`` with each page first."""
    visitor.open("/apply/who")
    if visitor.page.locator("#mobile").count():
        visitor.sign_in()
    for name, answer in STEPS:
        on(visitor.page, name)
        seen(name)
        if name == question:
            break
        answer(visitor.page)
        press(visitor.page)
    return visitor.page


def reference_of(page: Page) -> str:
    on(page, "done")
    return page.locator(".govuk-panel strong").inner_text()


def codes(system: System, mobile: str, at_least: int) -> list[str]:
    """Wait until a phone has so many codes, and return them, the oldest first."""

    def look() -> list[str] | None:
        answer = httpx.get(
            f"{system.url}/dev/messages", params={"to": f"+91{mobile}"}, trust_env=False
        ).json()
        found = [re.search(r"\b(\d{6})\b", one["text"]) for one in answer if one["purpose"] == "otp"]
        return [match[1] for match in found if match] if len(found) >= at_least else None

    return eventually(look, f"{at_least} codes come to {mobile}", 30)


@WAYS
def test_the_office_of_an_official_reaches_the_department(
    open_browser: Open, system: System, mobile: str, language: str, scripts: bool, size: dict[str, int]
) -> None:
    reference = Visitor(open_browser(size, scripts=scripts), system, mobile, language).apply(office=True)
    desk = Staff(open_browser(DESK, scripts=scripts), system, "department", language)
    desk.find(reference)
    expect(desk.page.locator("main")).to_contain_text("Executive Engineer")
    expect(desk.page.locator("main")).to_contain_text("Punjab Mandi Board")


@WAYS
def test_after_five_wrong_codes_a_new_one_opens_the_session(
    open_browser: Open, system: System, mobile: str, language: str, scripts: bool, size: dict[str, int]
) -> None:
    visitor = Visitor(open_browser(size, scripts=scripts), system, mobile, language)
    page = visitor.page
    visitor.open("/apply/who")
    page.fill("#mobile", mobile)
    press(page)
    [right] = codes(system, mobile, 1)
    for _ in range(5):
        page.fill("#code", f"{(int(right) + 1) % 1_000_000:06d}")
        press(page)
        expect(page.locator(".govuk-error-summary")).to_be_visible()
    expect(page.locator("#code")).to_have_count(0)
    page.locator("#again").click()
    page.fill("#code", " ".join(codes(system, mobile, 2)[-1]))
    press(page)
    on(page, "who")


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
def test_a_session_that_ends_inside_a_form_loses_no_answer(
    open_browser: Open, system: System, mobile: str, language: str, scripts: bool, size: dict[str, int]
) -> None:
    visitor = Visitor(open_browser(size, scripts=scripts), system, mobile, language)
    page = go_to(visitor, "purpose")
    explain(page)
    page.context.clear_cookies(name="session")
    press(page)
    expect(page.locator("#mobile")).to_be_visible()
    page.fill("#mobile", mobile)
    press(page)
    page.fill("#code", codes(system, mobile, 2)[-1])
    press(page)
    on(page, "purpose")
    expect(page.locator("#purpose")).to_have_value("Arms licence renewal, file 114/2026")
    expect(page.locator("input[name=purpose_kind][value=meeting]")).to_be_checked()
    press(page)
    on(page, "when")


@WAYS
def test_two_tabs_send_one_application_with_the_answers_that_were_shown(
    open_browser: Open, system: System, mobile: str, language: str, scripts: bool, size: dict[str, int]
) -> None:
    visitor = Visitor(open_browser(size, scripts=scripts), system, mobile, language)
    one = go_to(visitor, "check")
    other = one.context.new_page()
    other.goto(f"/{language}/apply/purpose")
    other.fill("#purpose", "Another file, 7/2026")
    press(other)
    on(other, "check")
    left_open = one.context.new_page()
    left_open.goto(f"/{language}/apply/companions")
    press(one)
    expect(one.locator(".govuk-notification-banner")).to_be_visible()
    expect(one.locator("main")).to_contain_text("Another file, 7/2026")
    press(one)
    reference = reference_of(one)
    press(other)  # the same answers, once more
    assert reference_of(other) == reference
    left_open.fill("#vehicle", "PB65AB1234")
    press(left_open)
    expect(left_open.locator(".govuk-panel strong")).to_have_text(reference)
    visitor.open("/applications")
    expect(visitor.page.locator("main a[href*='/applications/PCS-']")).to_have_count(1)


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
def test_while_a_service_is_down_the_page_still_has_the_typed_answers(
    open_browser: Open, system: System, mobile: str, language: str, scripts: bool, size: dict[str, int]
) -> None:
    page = go_to(Visitor(open_browser(size, scripts=scripts), system, mobile, language), "purpose")
    explain(page)
    application = system.processes["application"]
    application.kill()
    try:
        with page.expect_navigation() as outage:
            press(page)
        assert outage.value is not None
        assert outage.value.status == 503
        expect(page.locator(".govuk-notification-banner")).to_be_visible()
        expect(page.locator("#purpose")).to_have_value("Arms licence renewal, file 114/2026")
    finally:
        application.start()
    press(page)
    on(page, "when")


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


@SCRIPTS
def test_a_department_is_found_in_any_script_and_by_its_officers(
    open_browser: Open, system: System, mobile: str, scripts: bool
) -> None:
    page = go_to(Visitor(open_browser(PHONE, scripts=scripts), system, mobile), "department")
    for words in ("grih", "ਗ੍ਰਹਿ", "baldew singh"):
        page.fill("#q", words)
        page.locator("form[role=search] button").click()
        expect(page.locator("input[name=department]")).to_have_count(1)
        expect(page.locator("input[name=department]")).to_have_value("home")
    expect(page.locator("main")).to_contain_text("Baldev Singh, Superintendent")
    choose("department", "home")(page)
    press(page)
    on(page, "purpose")


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
def test_a_returning_visitor_sends_three_pages_and_a_companion_can_be_changed(
    open_browser: Open, system: System, mobile: str, language: str, scripts: bool, size: dict[str, int]
) -> None:
    visitor = Visitor(open_browser(size, scripts=scripts), system, mobile, language)
    first = visitor.apply(companions=(("Harjit Singh", "0917"),))
    visitor.open("/apply/who")
    page = visitor.page
    page.fill("#last_id_last4", "4821")
    page.locator(".epass-offer button").click()
    on(page, "when")
    expect(page.locator("#from-0")).to_have_value("10:00")
    press(page)
    on(page, "check")
    expect(page.locator("main")).to_contain_text("Harjit Singh")
    page.locator("#companions a").click()
    page.locator("a[href*='companion?which=0']").click()
    expect(page.locator("#name")).to_have_value("Harjit Singh")
    page.fill("#name", "Harjit Kaur")
    page.fill("#id_last4", "0917")
    press(page)
    on(page, "companions")
    press(page)
    on(page, "check")
    expect(page.locator("main")).to_contain_text("Harjit Kaur")
    press(page)
    assert reference_of(page) != first


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


@pytest.mark.parametrize("language", ["pa", "hi", "en"])
def test_no_page_of_applying_is_wider_than_a_phone(
    open_browser: Open, system: System, mobile: str, language: str
) -> None:
    visitor = Visitor(open_browser(PHONE), system, mobile, language)
    visitor.open("/apply")
    fits(visitor.page, f"{language}-start")
    page = go_to(visitor, "check", lambda name: fits(visitor.page, f"{language}-{name}"))
    visitor.open("/apply/companion")
    fits(page, f"{language}-companion")
    visitor.open("/apply/who")
    choose("id_type", "aadhaar")(page)
    page.fill("#id_last4", "499118665246")
    press(page)
    expect(page.locator(".govuk-error-summary")).to_be_visible()
    fits(page, f"{language}-error")
    visitor.open("/apply/check")
    press(page)
    reference_of(page)
    fits(page, f"{language}-done")


def fits(page: Page, name: str) -> None:
    """Check that the page is not wider than the screen."""
    page.wait_for_load_state()
    page.evaluate("document.fonts.ready.then(() => undefined)")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
