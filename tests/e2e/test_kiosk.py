"""A kiosk in a real browser: applying by touch, and that nobody meets the visitor before them."""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from contracts.model import Language
from services.gateway.pages.shared.languages import LANGUAGES
from tests.e2e.navigation import barriers, bring
from tests.e2e.page_states import STATES
from tests.e2e.people import Staff, Visitor, press, translated
from tests.e2e.viewports import DESK
from tests.support.stack.running import eventually
from tests.support.system import actors
from tests.support.system.pages_alone import PagesAlone
from tests.support.system.system import System

KIOSK, NARROW_KIOSK = {"width": 1080, "height": 1600}, {"width": 800, "height": 1280}
LOW_KIOSK = {"width": 1024, "height": 768}
TOO_SMALL = """() => [...document.querySelectorAll("body :is(a, button, input, select, summary, textarea)")]
  .map((one) => [one.textContent.trim() || one.id || one.className, one.getBoundingClientRect()])
  .filter(([, { height, width }]) => height > 1 && (height < 63.9 || width < 63.9))
  .map(([name, { height, width }]) => `${name}: ${Math.round(width)} x ${Math.round(height)}`)"""
"""Returns the targets of a page that a finger misses; what is hidden has no height."""
TYPE_SIZES = """(selector) => [...new Set([...document.querySelectorAll(selector)]
  .map((one) => getComputedStyle(one).fontSize))]"""
SEEN = """() => { const { bottom } = document.activeElement.getBoundingClientRect();
  return bottom > 0 && bottom < document.querySelector("#keyboard").getBoundingClientRect().top; }"""
"""Returns whether the field with the focus stands above the keyboard."""
WAYS = pytest.mark.parametrize(
    ("language", "scripts"),
    [("pa", True), ("hi", True), ("en", False)],
    ids=["Punjabi", "Hindi", "English without scripts"],
)
NAMES: dict[str, str] = {"pa": "ਗੁਰਪ੍ਰੀਤ", "hi": "गीता", "en": "Gurpreet"}
ID_END = "48B"
"""As it is touched; the number of an ID card may end in a letter."""


class Kiosk(Visitor):
    """A kiosk that the ADO Branch has issued, enrolled by hand, and whoever stands at it."""

    def __init__(self, page: Page, system: System, mobile: str, language: str, scripts: bool = True) -> None:
        super().__init__(page, system, mobile, language)
        self.scripts = scripts

    def begin(self) -> None:
        """Choose the language on the start page, and sign in."""
        self.page.locator(f".epass-start form[lang={self.language}] button").tap()
        self.page.wait_for_url(f"**/{self.language}/sign-in")
        self.type_at_once("#mobile", self.mobile)
        self.sign_in()
        self.page.wait_for_url("**/apply/who")

    def touch_in(self, field: str, text: str) -> None:
        """Touch a field and type in it."""
        if self.scripts:
            self.page.locator(field).tap()
        self.type_at_once(field, text)

    def type_at_once(self, field: str, text: str) -> None:
        """Type on the keyboard of the screen; without scripts there is none, and a real one types."""
        if not self.scripts:
            self.page.fill(field, text)
            return
        expect(self.page.locator(field)).to_be_focused()
        keyboard = self.page.locator("#keyboard")
        for letter in text:
            shown = f"\u25cc{letter}" if letter >= "\u0900" and not letter.isalpha() else letter
            keyboard.get_by_role("button", name=shown, exact=True).tap()

    def answer_until_department(self) -> None:
        """Say who they are, and stop at the first question about the visit."""
        self.type_at_once("#name", NAMES[self.language])
        expect(self.page.locator("#name")).to_have_value(NAMES[self.language])
        self.page.check("input[name=id_type][value=voter_id]")
        self.touch_in("#id_last4", f"1{ID_END}")
        press(self.page)
        self.page.wait_for_url("**/apply/department")

    def answer_the_rest(self) -> str:
        """Answer the questions about the visit, send, and return the reference."""
        self.page.locator("button[name=department][value='home@PCS1']").first.tap()
        self.page.check("input[name=purpose_kind][value=meeting]")
        self.page.fill("#purpose", "Arms licence renewal")
        self.page.check("#wishes")
        self.choose_time()
        self.page.check("input[name=more][value=no]")
        self._choose("assistance", "guide")
        self.page.wait_for_url("**/check")
        press(self.page)
        self.page.wait_for_url("**/kiosk/done")
        return self.page.locator(".govuk-panel strong").inner_text()

    def session(self) -> str:
        """Return the session that the browser holds; empty if none."""
        cookies = self.page.context.cookies()
        return next((one["value"] for one in cookies if one["name"] == "session"), "")


@pytest.fixture
def kiosk(
    open_browser: Callable[..., Page], system: System, mobile: str, language: Language, scripts: bool
) -> Kiosk:
    """Return a kiosk at its start page."""
    ado = Staff(open_browser(DESK), system, "ado")
    ado.open("/desk/kiosks")
    ado.page.fill("#name", "Main hall")
    press(ado.page, "Issue a token for a kiosk")
    kiosk_id, token = ado.page.locator("h1").inner_text(), ado.page.locator("main code").inner_text()
    address = ado.page.locator(".epass-address").inner_text()
    assert address == f"{system.url}/en/kiosk/enrol"
    expect(ado.page.get_by_role("img", name="QR code of the address")).to_be_visible()
    one = Kiosk(open_browser(KIOSK, has_touch=True, scripts=scripts), system, mobile, language, scripts)
    one.page.goto(address)
    one.page.fill("#kiosk_id", kiosk_id)
    one.page.fill("#token", token)
    press(one.page)
    expect(one.page.locator(".epass-start button")).to_have_count(3)
    return one


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", [KIOSK, NARROW_KIOSK], ids=["1080 x 1600", "800 x 1280"])
def test_a_kiosk_has_large_targets_and_its_keyboard_at_once(
    chromium: Browser, alone: PagesAlone, language: Language, size: dict[str, int]
) -> None:
    context = chromium.new_context(base_url=alone.url, viewport=size, has_touch=True, reduced_motion="reduce")
    page = context.new_page()
    found: dict[str, list[str]] = {}
    for state in STATES:
        if "kiosk" not in (state.who or ""):
            continue
        bring(page, alone, state, language)
        wrong = barriers(page) + page.evaluate(TOO_SMALL)
        label, legend = (
            page.evaluate(TYPE_SIZES, f"main .govuk-{one}") for one in ("label--s", "fieldset__legend--s")
        )
        if label and legend and label != legend:
            wrong.append(f"labels {label}, legends {legend}")
        begins = page.locator("#mobile, #code, #name")
        keyboard = page.locator("#keyboard:visible").count()
        if state.status == 200 and (begins.count() != keyboard or (keyboard and not page.evaluate(SEEN))):
            wrong.append("no keyboard, or it covers the field")
        if wrong:
            found[state.name] = wrong
    context.close()
    alone.reset()
    assert found == {}


def test_a_keyboard_comes_back_and_leaves_after_a_choice(chromium: Browser, alone: PagesAlone) -> None:
    state = next(one for one in STATES if one.path == "/apply/who" and one.who == "visitor at a kiosk")
    context = chromium.new_context(base_url=alone.url, viewport=KIOSK, has_touch=True)
    page = context.new_page()
    bring(page, alone, state, "en")
    keyboard, name = page.locator("#keyboard"), page.locator("#name")
    keyboard.get_by_role("button", name="Hide the keyboard").tap()
    expect(keyboard).to_be_hidden()
    name.tap()
    keyboard.get_by_role("button", name="Q", exact=True).tap()
    page.locator("input[name=id_type]").first.tap()
    expect(keyboard).to_be_hidden()
    expect(name).to_have_value("Q")
    context.close()
    alone.reset()


def has_ended(system: System, session: str) -> bool:
    """Return whether the server refuses a session, wherever it is presented."""
    answer = httpx.get(
        f"{system.url}/api/v1/applications", headers={"Authorization": f"Bearer {session}"}, trust_env=False
    )
    return answer.status_code == 401


def is_at_the_start(page: Page) -> None:
    """Check that the page is the start page, and that the browser holds nothing of a visitor."""
    expect(page.locator(".epass-start button")).to_have_count(3)
    assert {cookie["name"] for cookie in page.context.cookies()} == {"kiosk"}


@WAYS
def test_a_kiosk_takes_an_application_by_touch_and_prints_its_reference(
    kiosk: Kiosk,
    open_browser: Callable[..., Page],
    system: System,
    language: Language,
    scripts: bool,
) -> None:
    page = kiosk.page
    kiosk.begin()
    kiosk.answer_until_department()
    reference = kiosk.answer_the_rest()
    page.locator("a[href$='/kiosk/slip']").tap()
    expect(page.locator(".epass-sheet")).to_contain_text(reference)
    Staff(open_browser(DESK, scripts=scripts), system, "department", language).approve(reference)
    page.locator("a[href$='/kiosk/done']").tap()
    page.wait_for_url("**/kiosk/done")
    to_print = page.locator("a[href$='/kiosk/pass']")
    if scripts:
        expect(to_print).to_be_visible(timeout=40_000)
    else:
        eventually(lambda: page.reload() and to_print.count(), "the pass is there, once one looks again", 40)
    session = kiosk.session()
    assert not has_ended(system, session)
    page.get_by_role("button", name=translated("Finish", language), exact=True).tap()
    is_at_the_start(page)
    eventually(lambda: has_ended(system, session), "the session is over on the server", 5)
    for _ in range(3):
        page.go_back()
        expect(page.locator("main")).not_to_contain_text(reference)
        is_at_the_start(page)


@pytest.mark.parametrize(("language", "scripts"), [("pa", True)], ids=["Punjabi"])
def test_whoever_leaves_says_at_a_kiosk_that_nobody_met_them(
    kiosk: Kiosk, system: System, language: Language
) -> None:
    visitor, guard = actors.Applicant(system, f"+91{kiosk.mobile}"), actors.Officer(system)
    reference, summary = actors.issued(visitor, actors.Department(system))
    token = visitor.token(summary.number)
    guard.scan(token=token, id_check=actors.MATCHED)
    guard.scan(token=token, direction="exit")
    visitor.wait_for(reference, "left")
    page = kiosk.page
    page.set_viewport_size(LOW_KIOSK)
    for choice in page.locator(".epass-start__more button").all():
        expect(choice).to_be_in_viewport(ratio=1)
    page.locator(f".epass-start__more form[lang={language}] button[value=met]").tap()
    page.fill("#reference", reference)
    kiosk.touch_in("#mobile_last4", kiosk.mobile[-4:])
    press(page)
    for answer in ("Yes, I was met", "No, I was not met"):
        expect(page.get_by_role("button", name=translated(answer, language))).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name=translated("No, I was not met", language)).tap()
    thanks = translated("Thank you. The department sees what you say.", language)
    expect(page.locator("main")).to_contain_text(thanks)

    def said() -> list[object]:
        entries = visitor.view(reference).timeline
        return [one.facts["outcome"] for one in entries if one.facts.get("said_by") == "visitor"]

    assert eventually(said, "it is told") == ["not_met"]


@WAYS
def test_whoever_comes_after_a_visitor_who_walked_away_begins_anew(
    kiosk: Kiosk, system: System, language: Language
) -> None:
    """They press the title, a language or the button, or type an address; each ends the visit at once."""
    page = kiosk.page
    ways: dict[str, Callable[[], object]] = {
        "title": page.locator("header a").tap,
        "language": page.locator(".epass-languages a").first.tap,
        "button": page.locator(".epass-clear a").tap,
        "typed": lambda: page.goto(f"/{language}/apply/department"),
        "home": lambda: page.goto("/"),
    }
    for number, walk_up in enumerate(ways.values()):
        kiosk.mobile = f"96{int(kiosk.mobile[2:]) + 1000 * number:08d}"
        page.goto(f"/{language}/kiosk")
        kiosk.begin()
        kiosk.answer_until_department()
        session = kiosk.session()
        walk_up()
        is_at_the_start(page)
        eventually(lambda ended=session: has_ended(system, ended), "the session is over on the server", 5)
        page.go_back()
        is_at_the_start(page)
        page.goto(f"/{language}/apply/check")
        is_at_the_start(page)


@WAYS
def test_the_next_visitor_finds_nothing_of_the_one_before_in_any_page_of_the_history(
    kiosk: Kiosk, system: System, language: Language
) -> None:
    page = kiosk.page
    kiosk.begin()
    kiosk.answer_until_department()
    page.locator("header a").tap()
    is_at_the_start(page)
    first, kiosk.mobile = kiosk.mobile, f"96{int(kiosk.mobile[2:]) + 5000:08d}"
    kiosk.begin()
    expect(page.locator("#name")).to_have_value("")
    for _ in range(12):
        page.go_back()
        shown = page.locator("body").inner_text() + " ".join(
            page.locator("main input:not([type=radio]):not([type=hidden])").evaluate_all(
                "fields => fields.map((one) => one.value)"
            )
        )
        for secret in (NAMES[language], ID_END, first, first[-4:]):
            assert secret not in shown, (page.url, secret)


@pytest.mark.parametrize(("language", "scripts"), [("pa", True), ("en", True)])
def test_an_idle_kiosk_warns_and_clears_everything(kiosk: Kiosk, system: System, language: Language) -> None:
    page = kiosk.page
    page.clock.install()
    kiosk.begin()
    page.fill("#name", "Gurpreet Kaur")
    session = kiosk.session()
    page.clock.fast_forward("01:01")
    dialog = page.get_by_role("dialog", name=translated("Are you still here?", language))
    expect(dialog).to_be_visible()
    page.get_by_role("button", name=translated("I am still here", language)).tap()
    expect(dialog).to_be_hidden()
    page.clock.fast_forward("00:59")
    expect(page.locator("#name")).to_have_value("Gurpreet Kaur")
    page.clock.fast_forward("00:32")
    page.wait_for_url("**/kiosk")
    is_at_the_start(page)
    eventually(lambda: has_ended(system, session), "the session is over on the server", 5)


@pytest.mark.parametrize(("language", "scripts"), [("pa", True), ("en", True)])
def test_going_back_during_a_visit_asks_who_is_there(kiosk: Kiosk, language: Language) -> None:
    page = kiosk.page
    kiosk.begin()
    kiosk.answer_until_department()
    page.go_back()
    dialog = page.get_by_role("dialog", name=translated("Are you still here?", language))
    expect(dialog).to_be_visible()
    dialog.get_by_role("link").tap()
    is_at_the_start(page)
