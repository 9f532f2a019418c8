"""The counter in a real browser: walk-ins, delegations, printed sheets."""

import re
from collections.abc import Callable
from datetime import date
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect

from bench import walk_in
from contracts.model import Language
from contracts.rpc.verify.incidents import HelpCall, HelpCalls
from services.chassis.runtime.clock import now
from services.gateway.pages.shared.languages import LANGUAGES, day_in_words
from tests.e2e.navigation import barriers, bring
from tests.e2e.page_samples import State
from tests.e2e.people import Staff, translated
from tests.e2e.viewports import DESK
from tests.support.stack.running import eventually
from tests.support.system.pages_alone import PagesAlone
from tests.support.system.system import System

DAYS = (date(2026, 12, 1), date(2027, 1, 3), date(2027, 9, 30))
CALL = HelpCall(
    id=UUID(int=1), site="PCS1", gate="PCS1-G1", reason="danger", called_at=now(), called_by="SEC-0001"
)
MILLIMETRE = 72 / 25.4
"""In points."""
WAYS = pytest.mark.parametrize(
    ("language", "scripts"),
    [("pa", True), ("hi", False), ("en", True)],
    ids=["Punjabi", "Hindi without scripts", "English"],
)


class Operator(Staff):
    """An operator at the counter of PCS1."""

    def __init__(self, page: Page, system: System, language: str = "en") -> None:
        super().__init__(page, system, "reception", language)
        self.open("/counter")

    def fill_in(self, name: str = "Gurpreet Kaur", **more: str) -> None:
        """Fill in the form of a walk-in without a phone; day and time stay as proposed."""
        fields = {"name": name, "id_last4": "4821", "purpose": "Arms licence renewal", **more}
        for field, text in fields.items():
            self.page.fill(f"#{field}", text)
        self.page.select_option("#id_type", "voter_id")
        self.page.select_option("#department", "home")
        self.page.select_option("#purpose_kind", "meeting")

    def send(self) -> str:
        """Submit the form and return the reference."""
        self.page.locator("form[action$='/counter/apply'] button[type=submit]").click()
        self.page.wait_for_url("**/counter/applications/*")
        return self.page.url.rpartition("/")[2]

    def print_as(self, kind: str, paper: str) -> list[tuple[int, int]]:
        """Print, and return the size of each page in millimetres."""
        self.page.select_option("#kind", kind)
        self.page.select_option("#paper", paper)
        self.page.locator("form[action$='/print'] button.govuk-button").click()
        self.page.wait_for_url(f"**/{kind}/{paper}")
        drawn = "pictures => pictures.every(one => one.complete && one.naturalWidth > 0)"
        eventually(lambda: self.page.locator("img").evaluate_all(drawn), "the QR is drawn")
        document = self.page.pdf(prefer_css_page_size=True)
        boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", document)
        return [(round(float(wide) / MILLIMETRE), round(float(high) / MILLIMETRE)) for wide, high in boxes]


@WAYS
def test_a_walk_in_without_a_phone_goes_from_the_application_to_paper(
    open_browser: Callable[..., Page], system: System, language: Language, scripts: bool
) -> None:
    operator = Operator(open_browser(DESK, scripts=scripts), system, language)
    operator.fill_in("ਗੁਰਪ੍ਰੀਤ ਕੌਰ", officer="Rajinder Pal Sharma", companions="Simran, child")
    reference = operator.send()
    Staff(open_browser(DESK, scripts=scripts), system, "department", language).approve(reference)
    # The page loads itself again.
    expect(operator.page.locator("form[action$='/print']")).to_be_visible(timeout=40_000)
    pages = operator.print_as("pass", "a6")
    assert pages == [(105, 148)]
    assert operator.page.evaluate("window.timesPrinted") == scripts, "a sheet prints itself once"
    for label in ("Whom you meet", "Room", "When", "Companions"):
        expect(operator.page.locator("dt", has_text=translated(label, language)).first).to_be_visible()
    for words in ("4-22", "Simran"):
        expect(operator.page.locator(".epass-sheet")).to_contain_text(words)
    number = operator.page.locator(".epass-sheet__number").inner_text()
    operator.page.go_back()
    pages = operator.print_as("pass", "receipt")
    assert pages == [(80, 160)]
    delivered = translated("The message was sent", language)

    def is_delivered() -> bool:
        operator.open(f"/counter/applications/{reference}")
        return operator.page.locator(".epass-timeline li", has_text=delivered).count() > 0

    eventually(is_delivered, "printed counts as delivered", 30)
    operator.open("/counter")
    operator.page.fill("#q", number)
    operator.page.locator("form[role=search] button").click()
    expect(operator.page.locator("[role=status] tbody th")).to_have_text([reference])
    assert operator.page.url.endswith("/counter/lookup"), "what was looked for is not in the address"


@pytest.mark.parametrize("language", ["pa", "en"])
def test_a_photograph_of_the_walk_in_is_seen_at_the_counter_and_at_the_gate(
    open_browser: Callable[..., Page], system: System, language: Language
) -> None:
    operator = Operator(open_browser(DESK), system, language)
    operator.fill_in("Balvinder Kaur")
    expect(operator.page.locator("[data-no-camera]")).to_be_hidden()
    expect(operator.page.locator("[data-take]")).to_be_hidden()
    operator.page.locator("[data-photograph] [data-start]").click()
    operator.page.locator("[data-photograph] [data-take]").click()
    expect(operator.page.locator("[data-photograph] canvas")).to_be_visible()
    reference = operator.send()
    seen = operator.page.locator("img.epass-photograph")
    drawn = "one => one.complete && one.naturalWidth === 240 && one.naturalHeight === 320"
    eventually(lambda: seen.evaluate(drawn), "the counter sees the photograph")
    Staff(open_browser(DESK), system, "department", language).approve(reference)
    number = operator.page.locator("strong", has_text=re.compile(r"^\w{4} \w{4}$"))
    expect(number).to_be_visible(timeout=40_000)
    guard = Staff(open_browser(), system, "security", language)
    guard.open("/gate")
    guard.page.fill("#pass", number.inner_text())
    guard.page.keyboard.press("Enter")
    guard.page.wait_for_url("**/gate/result")
    at_the_gate = guard.page.locator("img.epass-photograph")
    eventually(lambda: at_the_gate.evaluate(drawn), "the gate sees the photograph")


def test_a_walk_in_goes_on_without_a_camera_or_without_scripts(
    open_browser: Callable[..., Page], system: System
) -> None:
    without_scripts = Operator(open_browser(DESK, scripts=False), system)
    expect(without_scripts.page.locator("[data-photograph]")).to_be_hidden()
    page = open_browser(DESK)
    page.add_init_script("navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('no camera'))")
    for operator in (without_scripts, Operator(page, system)):
        operator.fill_in("Balvinder Kaur")
        if operator.page is page:
            page.locator("[data-photograph] [data-start]").click()
            expect(page.locator("[data-no-camera]")).to_be_visible()
        operator.send()
        expect(operator.page.locator("img.epass-photograph")).to_have_count(0)


LABELS = """() => [...document.querySelectorAll(".epass-dense > .epass-dense__row")].map((row) =>
  [...row.querySelectorAll("label")].map((one) => Math.round(one.getBoundingClientRect().top)))
  .map((tops) => new Set(tops).size)"""
"""Returns, for each row of the form, at how many heights its labels stand."""


@WAYS
def test_the_counter_is_ready_for_the_next_visitor(
    open_browser: Callable[..., Page], system: System, language: Language, scripts: bool
) -> None:
    operator = Operator(open_browser(DESK, scripts=scripts), system, language)
    page = operator.page
    expect(page.locator("#name")).to_be_focused()
    assert set(page.evaluate(LABELS)) == {1}, "the labels of a row line up"
    operator.fill_in("Balvinder Singh Randhawa")
    other = "hi" if language != "hi" else "pa"
    page.select_option("#language", other)
    reference = operator.send()
    operator.open("/counter")
    expect(page.locator("#language")).to_have_value(other)
    status = page.locator("#state tr", has_text=reference).locator("td").last
    expect(status).to_have_text(translated("With the department", language))
    table = page.locator("#state .epass-scrolls")
    assert table.evaluate("one => one.scrollWidth <= one.clientWidth"), "the status is seen without scrolling"


def test_an_operator_needs_no_mouse_and_less_than_a_minute_of_keys(
    open_browser: Callable[..., Page], system: System
) -> None:
    operator = Operator(open_browser(DESK), system)
    typed = walk_in.apply(operator.page)
    assert typed.keys < 70, typed
    expect(operator.page.locator("main")).to_contain_text("Harjit Singh")
    expect(operator.page.locator("main")).to_contain_text("Voter ID card …0917")
    assert typed.seconds < 60, typed


def test_three_letters_of_any_language_find_a_department(chromium: Browser, alone: PagesAlone) -> None:
    page = chromium.new_context(base_url=alone.url, viewport=DESK, reduced_motion="reduce").new_page()
    for language in LANGUAGES:
        bring(page, alone, State("reception", "/counter"), language)
        field, chosen = page.locator("#department-search"), page.locator("#department")
        lines = page.get_by_role("option").filter(visible=True)
        for letters, code in (("hom", "home"), ("ਪੁਲ", "police")):
            field.focus()
            page.keyboard.type(letters)
            expect(lines.and_(page.locator("[aria-selected=true]"))).to_have_count(1)
            assert barriers(page) == []
            page.keyboard.press("Enter")
            expect(chosen).to_have_value(code)
            expect(page).to_have_url(re.compile("/counter$"))
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Escape")
        expect(chosen).to_have_value("police")
        field.fill("no such thing")
        expect(lines).to_have_attribute("aria-disabled", "true")
        page.keyboard.press("Tab")
        expect(chosen).to_have_value("police")
        field.fill("")
        page.keyboard.press("Tab")
        expect(chosen).to_have_value("")
    page.context.close()
    alone.reset()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_the_day_is_said_in_words_under_its_field(
    chromium: Browser, alone: PagesAlone, scripts: bool
) -> None:
    context = chromium.new_context(base_url=alone.url, viewport=DESK, java_script_enabled=scripts)
    page = context.new_page()
    for language in LANGUAGES:
        bring(page, alone, State("reception", "/counter"), language)
        field, said = page.locator("#date-0"), page.locator("#date-0-in-words")
        for day in (date.fromisoformat(field.input_value()), *DAYS) if scripts else ():
            field.fill(day.isoformat())
            expect(said).to_have_text(day_in_words(day, language))
        expect(said).to_have_text(day_in_words(date.fromisoformat(field.input_value()), language))
        if scripts:
            field.fill("")
            expect(said).to_be_hidden()
    context.close()
    alone.reset()


@pytest.mark.parametrize("language", LANGUAGES)
def test_calls_for_help_are_a_page_also_for_a_counter_without_scripts(
    chromium: Browser, alone: PagesAlone, language: Language
) -> None:
    for scripts in (True, False):
        context = chromium.new_context(base_url=alone.url, viewport=DESK, java_script_enabled=scripts)
        page = context.new_page()
        bring(page, alone, State("reception", "/counter/calls"), language)
        expect(page.locator("h1")).to_have_text(translated("Calls for help", language))
        expect(page.locator(".epass-bar")).to_be_visible()
        alone.answers["verify.help_calls"] = HelpCalls(items=(CALL,))
        page.reload()
        expect(page.locator(".epass-call form button")).to_have_count(1)
        context.close()
    alone.reset()


@WAYS
def test_a_delegation_of_forty_is_pasted_and_each_gets_a_badge(
    open_browser: Callable[..., Page], system: System, language: Language, scripts: bool
) -> None:
    operator = Operator(open_browser(DESK, scripts=scripts), system, language)
    names = [f"Delegate {first}{second}" for first in "ABCD" for second in "ABCDEFGHIJ"]
    lines = [f"{name}, Aadhaar, {1000 + number}" for number, name in enumerate(names)]
    operator.fill_in(companions="\n".join([*lines[:16], "Delegate BG, Aadhaar, 499118665246", *lines[17:]]))
    operator.page.locator("form[action$='/counter/apply'] button[type=submit]").click()
    problem = translated("Enter the last four characters only, never the whole number", language)
    expect(operator.page.locator(".govuk-error-summary__list li")).to_have_text(
        [translated("Line %(line)s: %(problem)s", language) % {"line": 17, "problem": problem}]
    )
    operator.page.fill("#companions", "\n".join(lines))
    reference = operator.send()
    Staff(open_browser(DESK, scripts=scripts), system, "department", language).approve(reference)
    expect(operator.page.locator("form[action$='/print']")).to_be_visible(timeout=40_000)
    pages = operator.print_as("badge", "receipt")
    assert pages == [(80, 160)] * 41
    assert operator.page.locator(".epass-sheet__name").all_inner_texts()[1:] == names


@WAYS
def test_a_lost_pass_is_replaced_and_the_visit_is_cancelled_for_the_visitor(
    open_browser: Callable[..., Page], system: System, language: Language, scripts: bool
) -> None:
    operator = Operator(open_browser(DESK, scripts=scripts), system, language)
    operator.fill_in()
    reference = operator.send()
    Staff(open_browser(DESK, scripts=scripts), system, "department", language).approve(reference)
    expect(operator.page.locator("form[action$='/print']")).to_be_visible(timeout=40_000)
    operator.page.locator("main a[href*='/counter/passes/']").click()
    lost = operator.page.url
    operator.page.check("input[name=reason][value=reissued]")
    operator.page.locator("form[action$='/reissue'] button").click()
    operator.page.wait_for_url(lambda url: "/passes/" in url and url != lost)
    operator.page.goto(lost)
    expect(operator.page.locator("p[role=alert]")).to_have_text(
        translated("This pass was cancelled", language)
    )
    operator.open(f"/counter/applications/{reference}")
    operator.page.locator("details summary").click()
    operator.page.locator("form[action$='/cancel'] button").click()
    expect(operator.page.locator(".govuk-tag")).to_have_text(translated("Cancelled", language))


def test_the_list_of_waiting_visitors_refreshes_itself(
    open_browser: Callable[..., Page], system: System
) -> None:
    at_work, other = (Operator(open_browser(DESK), system) for _ in range(2))
    at_work.page.fill("#name", "Half a name")
    other.fill_in("Balbir Kaur")
    reference = other.send()
    row = at_work.page.locator("#state tr", has_text=reference)
    expect(row).to_contain_text("Balbir Kaur", timeout=20_000)
    row.get_by_role("link").focus()
    Staff(open_browser(DESK), system, "department").approve(reference)
    expect(row).to_contain_text(translated("Pass issued", "en"), timeout=40_000)
    expect(row.get_by_role("link")).to_be_focused()
    expect(other.page).to_have_title(re.compile(f"^{reference}, Pass issued"))
    expect(at_work.page.locator("#name")).to_have_value("Half a name")
    row.get_by_role("link").click()
    expect(at_work.page.locator("form[action$='/print']")).to_be_visible()


def test_a_half_filled_walk_in_form_survives_the_end_of_the_session(
    open_browser: Callable[..., Page], system: System
) -> None:
    operator = Operator(open_browser(DESK), system)
    operator.page.fill("#name", "Half a name")
    operator.page.context.clear_cookies(name="session")
    with operator.page.expect_response("**/staff/sign-in*"):
        pass  # the list of those who wait is looked for again
    expect(operator.page.locator("#name")).to_have_value("Half a name")
