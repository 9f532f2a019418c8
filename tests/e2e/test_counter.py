"""The counter and the kiosk in a real browser: walk-ins, delegations, printed sheets."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from bench import walk_in
from contracts.model import Language
from tests.support.browser.people import Staff, Visitor, press, translated
from tests.support.browser.viewports import DESK
from tests.support.running import eventually
from tests.support.system import System

KIOSK = {"width": 1080, "height": 1500}
MILLIMETRE = 72 / 25.4
"""In points."""
WAYS = pytest.mark.parametrize(
    ("language", "scripts"),
    [("pa", True), ("pa", False), ("hi", True), ("hi", False), ("en", True), ("en", False)],
    ids=[
        "Punjabi",
        "Punjabi without scripts",
        "Hindi",
        "Hindi without scripts",
        "English",
        "English without scripts",
    ],
)
"""The languages of the pages, each with and without scripts."""


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
        self.page.locator("form[action$='/counter/apply'] button.govuk-button").click()
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
    operator.fill_in("ਗੁਰਪ੍ਰੀਤ ਕੌਰ")
    reference = operator.send()
    Staff(open_browser(DESK, scripts=scripts), system, "department", language).approve(reference)
    # The page loads itself again.
    expect(operator.page.locator("form[action$='/print']")).to_be_visible(timeout=40_000)
    pages = operator.print_as("pass", "a6")
    assert pages == [(105, 148)]
    assert operator.page.evaluate("window.timesPrinted") == scripts, "a sheet prints itself once"
    number = operator.page.locator(".epass-sheet__number").inner_text()
    operator.page.go_back()
    pages = operator.print_as("pass", "receipt")
    assert pages == [(80, 160)]
    delivered = translated("The message was delivered", language)

    def is_delivered() -> bool:
        operator.open(f"/counter/applications/{reference}")
        return operator.page.locator(".epass-timeline li", has_text=delivered).count() > 0

    eventually(is_delivered, "printed counts as delivered", 30)
    operator.open("/counter")
    operator.page.fill("#q", number)
    operator.page.locator("form[role=search] button").click()
    expect(operator.page.locator("[role=status] tbody th")).to_have_text([reference])
    assert operator.page.url.endswith("/counter/lookup"), "what was looked for is not in the address"


def test_an_operator_needs_no_mouse_and_less_than_a_minute_of_keys(
    open_browser: Callable[..., Page], system: System
) -> None:
    operator = Operator(open_browser(DESK), system)
    typed = walk_in.apply(operator.page)
    expect(operator.page.locator("main")).to_contain_text("Harjit Singh")
    expect(operator.page.locator("main")).to_contain_text("Voter ID card …0917")
    assert typed.seconds < 60, typed


@WAYS
def test_a_delegation_of_forty_is_pasted_and_each_gets_a_badge(
    open_browser: Callable[..., Page], system: System, language: Language, scripts: bool
) -> None:
    operator = Operator(open_browser(DESK, scripts=scripts), system, language)
    names = [f"Delegate {first}{second}" for first in "ABCD" for second in "ABCDEFGHIJ"]
    lines = [f"{name}, Aadhaar, {1000 + number}" for number, name in enumerate(names)]
    operator.fill_in(companions="\n".join([*lines[:16], "Delegate BG, Aadhaar, 499118665246", *lines[17:]]))
    operator.page.locator("form[action$='/counter/apply'] button.govuk-button").click()
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
    expect(operator.page.get_by_role("alert")).to_have_text(
        translated("This pass has been revoked", language)
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


def enrolled_kiosk(open_browser: Callable[..., Page], system: System, *, scripts: bool = True) -> Visitor:
    """Return a kiosk that the ADO Branch has just issued, enrolled by hand."""
    ado = Staff(open_browser(DESK), system, "ado")
    ado.open("/desk/kiosks")
    ado.page.fill("#name", "Main hall")
    press(ado.page, "Issue a token for a kiosk")
    kiosk_id, token = ado.page.locator("h1").inner_text(), ado.page.locator("main code").inner_text()
    kiosk = Visitor(open_browser(KIOSK, has_touch=True, scripts=scripts), system, "")
    kiosk.open("/kiosk")
    kiosk.page.fill("#kiosk_id", kiosk_id)
    kiosk.page.fill("#token", token)
    press(kiosk.page)
    return kiosk


def touch_in(page: Page, field: str, digits: str, scripts: bool = True) -> None:
    """Type on the number pad; without scripts there is none, and a keyboard types."""
    if not scripts:
        page.fill(field, digits)
        return
    for digit in digits:
        page.locator(".epass-pad").get_by_role("button", name=digit, exact=True).tap()


def choose(page: Page, name: str, value: str) -> None:
    """Answer a question by touching one of its choices."""
    page.check(f"input[name={name}][value={value}]")
    press(page)


def answer_everything(page: Page, scripts: bool) -> None:
    """Answer the questions at a kiosk, which knows its site."""
    choose(page, "kind", "citizen")
    page.fill("#name", "Gurpreet Kaur")
    press(page)
    page.check("input[name=id_type][value=voter_id]")
    touch_in(page, "#id_last4", "4821", scripts)
    press(page)
    choose(page, "department", "home")
    choose(page, "officer", "anyone")
    page.fill("#purpose", "Arms licence renewal")
    choose(page, "purpose_kind", "meeting")
    page.select_option("#date-0", index=2)
    page.select_option("#from-0", "10:00")
    page.select_option("#to-0", "12:00")
    press(page)
    choose(page, "more", "no")
    press(page)  # no vehicle
    choose(page, "assistance", "guide")
    choose(page, "deliver_by", "sms")
    press(page)


@WAYS
def test_a_kiosk_takes_an_application_by_touch_and_prints_its_reference(
    open_browser: Callable[..., Page], system: System, mobile: str, language: Language, scripts: bool
) -> None:
    kiosk = enrolled_kiosk(open_browser, system, scripts=scripts)
    kiosk.mobile, kiosk.language = mobile, language
    page = kiosk.page
    page.locator(f".epass-kiosk__languages a[lang={language}]").tap()
    touch_in(page, "#mobile", mobile, scripts)
    expect(page.locator("#mobile")).to_have_value(mobile)
    kiosk.sign_in()
    answer_everything(page, scripts)
    reference = page.locator(".govuk-panel strong").inner_text()
    page.locator("a[href$='/kiosk/slip']").tap()
    expect(page.locator(".epass-sheet")).to_contain_text(reference)
    Staff(open_browser(DESK, scripts=scripts), system, "department", language).approve(reference)
    page.locator("a[href$='/kiosk/done']").tap()
    page.wait_for_url("**/kiosk/done")
    to_print = page.locator("a[href$='/kiosk/pass']")
    if scripts:
        expect(to_print).to_be_visible(timeout=40_000)
    else:
        eventually(
            lambda: kiosk.open("/kiosk/done") or to_print.count(),
            "the pass is there, once somebody looks again",
            40,
        )
    kiosk.open("/applications")
    expect(page.locator("main")).not_to_contain_text(reference)
    kiosk.open("/kiosk/done")
    page.locator("a[href$='/kiosk/reset']").tap()
    expect(page.locator(".epass-kiosk__languages a")).to_have_count(3)
    kiosk.open("/apply/name")
    expect(page.locator("#mobile")).to_be_visible()


def test_an_idle_kiosk_warns_and_clears_everything(
    open_browser: Callable[..., Page], system: System, mobile: str
) -> None:
    kiosk = enrolled_kiosk(open_browser, system)
    kiosk.mobile = mobile
    page = kiosk.page
    page.clock.install()
    page.get_by_role("link", name="English").tap()
    kiosk.sign_in()
    page.check("input[name=kind][value=citizen]")
    press(page)
    page.fill("#name", "Gurpreet Kaur")
    page.clock.fast_forward("01:01")
    expect(page.get_by_role("dialog", name="Are you still here?")).to_be_visible()
    page.get_by_role("button", name="I am still here").tap()
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.clock.fast_forward("00:59")
    expect(page.locator("#name")).to_have_value("Gurpreet Kaur")
    page.clock.fast_forward("00:32")
    page.wait_for_url("**/kiosk")
    assert {cookie["name"] for cookie in page.context.cookies()} == {"kiosk"}
    kiosk.open("/apply/name")
    expect(page.locator("#mobile")).to_have_value("")
