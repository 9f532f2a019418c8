"""Everybody can use every page: axe finds nothing in any state and language, a narrow or enlarged page does not scroll sideways,
titles and languages are right, and the keyboard is enough.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from contracts.errors import Conflict, FieldError, InvalidInput, NotFound, TooManyAttempts, Unavailable
from contracts.rpc import ApplicationList, Checked, OfficerList, ReviewList, ScanResult
from services.gateway.pages.languages import LANGUAGES, texts
from tests.applying import SAME_SITE
from tests.e2e.pages_alone import APPROVED, WRONG_LOGIN, PagesAlone
from tests.factories_gateway import NUMBER, REFERENCE, pass_view
from tests.factories_pages import ADMIT, APPLICATION, REVIEW_ID, review

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
NARROW = {"width": 320, "height": 256}
"""1280 × 1024 at 400 %, and the narrowest phone (WCAG 2.2, 1.4.10)."""
REVIEW = f"/desk/reviews/{REVIEW_ID}"
OWN = f"/applications/{REFERENCE}"


@dataclass(frozen=True)
class State:
    """One page as somebody sees it: ``forms`` are posted first, each to its path, ``answers`` are the services' until then."""

    who: str | None
    path: str
    form: dict[str, str] | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    before: tuple[tuple[str, dict[str, str]], ...] = ()
    status: int = 200

    @property
    def name(self) -> str:
        return f"{self.who or 'anyone'} {'POST' if self.form is not None else 'GET'} {self.path} {self.status} {'/'.join(self.answers)}"


WHO = ("/apply/who", {"kind": "citizen"})
NAME = ("/apply/name", {"name": "Gurpreet Kaur"})
OFFICIAL = ("/apply/who", {"kind": "official"})
ID = ("/apply/id", {"id_type": "voter_id", "id_last4": "4821"})
SITE = ("/apply/site", {"site": "PCS1"})
DEPARTMENT = ("/apply/department", {"department": "home"})
OFFICER = ("/apply/officer", {"officer": "baldev"})
PURPOSE = ("/apply/purpose", {"purpose_kind": "meeting", "purpose": "Arms licence renewal"})
WHEN = ("/apply/when", {"date-0": "2026-12-01", "from-0": "10:00", "to-0": "12:00"})
WITH = ("/apply/companions", {"more": "no"})
VEHICLE = ("/apply/vehicle", {"vehicle": ""})
ASSISTANCE = ("/apply/assistance", {"assistance": ""})
DELIVER = ("/apply/deliver", {"deliver_by": "sms"})
WAY = (WHO, NAME, ID, SITE, DEPARTMENT, OFFICER, PURPOSE, WHEN, WITH, VEHICLE, ASSISTANCE, DELIVER)
CHECKED = {"pass": NUMBER, "nonce": "n-1", "kind": "matched", "id_type": "voter_id", "id_last4": "4821"}
WRONG = {"name": "name_missing", "id": "full_number", "when": "closed_day"}


def questions() -> Iterator[State]:
    """Each question as it is asked, and with nothing answered."""
    for number, (path, _) in enumerate(WAY):
        yield State("applicant", path, before=WAY[:number])
    for path in ("/apply/who", "/apply/name", "/apply/id", "/apply/site", "/apply/purpose", "/apply/when", "/apply/companions"):
        number = next(at for at, (one, _) in enumerate(WAY) if one == path)
        yield State("applicant", path, {}, before=WAY[:number], status=422)
    yield State("applicant", "/apply/office", before=(OFFICIAL,))
    yield State("applicant", "/apply/name-latin", before=(WHO, ("/apply/name", {"name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ"})))
    yield State("applicant", "/apply/officer?q=nobody", answers={"approval.officers": OfficerList(items=())}, before=WAY[:5])
    yield State("applicant", "/apply/companion", before=WAY[:8])
    yield State("applicant", "/apply/companion", {}, before=WAY[:8], status=422)
    yield State("applicant", "/apply/check", before=WAY)
    found = Checked(problems=(FieldError(field="applicant.id_last4", code="full_number"),))
    yield State("applicant", "/apply/id", {"id_type": "aadhaar", "id_last4": "1"}, {"application.check": found}, WAY[:2], 422)


STATES = [
    State(None, "/apply"), State(None, "/sign-in"), State(None, "/sign-in", {"mobile": ""}, {"accounts.request_otp": InvalidInput()}, status=422),
    State(None, "/sign-in/code", before=(("/sign-in", {"mobile": "9876543210"}),)),
    State(None, "/sign-in/code", {"code": ""}, before=(("/sign-in", {"mobile": "9876543210"}),), status=422),
    State(None, "/cleared"), State(None, "/status"), State(None, "/status", {"reference": REFERENCE, "mobile_last4": "3210"}),
    State(None, "/status", {"reference": "x"}, {"application.status": NotFound()}, status=422),
    State(None, "/sign-in", {"mobile": "1"}, {"accounts.request_otp": TooManyAttempts(retry_after=90)}, status=429),
    State(None, "/status", {"reference": "x"}, {"application.status": Unavailable()}, status=503),
    *questions(),
    State("applicant", "/applications"), State("applicant", "/applications", answers={"application.list_applications": ApplicationList(items=())}),
    State("applicant", OWN), State("applicant", f"{OWN}/open", {"id_last4": "0000"}, status=422),
    State("applicant", OWN, before=((f"{OWN}/open", {"id_last4": "4821"}),)),
    State("applicant", OWN, answers={"application.view": APPLICATION.model_copy(
        update={"status": "rejected", "reason": "no_appointment", "note": "Come on Monday"})},
        before=((f"{OWN}/open", {"id_last4": "4821"}),)),
    State("applicant", "/desk", status=403), State("applicant", "/apply/nothing", status=404),
    State(None, "/staff/sign-in"), State(None, "/staff/sign-in", {"login_id": "x", "password": "x"}, {"accounts.log_in": WRONG_LOGIN}, status=422),
    State("department", "/staff/password"), State("department", "/staff/password", {"new": "x"}, status=422),
    State("department", "/desk"), State("department", "/desk", answers={"approval.list_reviews": ReviewList(items=())}),
    State("department", "/desk?told=forwarded"), State("department", "/desk/search", {"q": "Kaur"}),
    State("department", "/desk/search", {"q": ""}, status=422), State("department", REVIEW),
    State("department", f"{REVIEW}?told=already_decided", answers={"approval.view_review": APPROVED}),
    *(State("department", f"{REVIEW}/{verb}") for verb in ("approve", "reject", "return", "forward", "withdraw")),
    *(State("department", f"{REVIEW}/{verb}", {}, status=422) for verb in ("approve", "reject", "return", "withdraw")),
    State("department", f"{REVIEW}/approve", {"slot": "own", "entries": "x"}, status=422),
    State("department", f"{REVIEW}/forward", {}, {"approval.forward": InvalidInput.of("department", "exactly_one")}, status=422),
    State("department", f"{REVIEW}/reject", {"reason": "other"}, {"approval.reject": Conflict(code="application_changed")}, status=409),
    State("department", "/desk/search", {"q": "x" * 40_000}, status=422),
    State("ado", "/desk/logins"), State("ado", "/desk/logins?told=HOM-0001"), State("ado", "/desk/logins/new"),
    State("ado", "/desk/logins/new", {}, status=422), State("ado", "/desk/logins/new", {"role": "ado", "name": "Harjit"}),
    State("ado", "/desk/logins/HOM-0001/disable"), State("ado", "/desk/logins/HOM-0001/reset"),
    State("ado", "/desk/logins/ADO-0001/disable", {}, {"accounts.disable_login": Conflict(code="last_ado")}, status=409),
    State("security", "/gate"), State("security", "/gate", {"pass": ""}, status=422), State("security", "/gate", {"pass": NUMBER}),
    State("security", "/gate/enter", {**CHECKED, "count": "x"}, status=422),
    State("security", "/gate/enter", CHECKED, {"verify.scan": ADMIT.model_copy(update={"preview": False, "inside": 3})}),
    State("security", "/gate", {"pass": NUMBER, "direction": "exit"},
          {"verify.scan": ADMIT.model_copy(update={"verdict": "exit", "preview": False, "marks": ("late", "other_gate")})}),
    *(State("security", "/gate", {"pass": NUMBER}, {"verify.scan": ADMIT.model_copy(update={"verdict": verdict, "gate": "PCS1-G2"})})
      for verdict in ("not_yet_valid", "expired", "wrong_site", "wrong_gate", "already_inside", "already_used", "revoked", "id_mismatch")),
    State("security", "/gate", {"pass": NUMBER}, {"verify.scan": ScanResult(verdict="unknown_pass", preview=True)}),
    State("security", "/gate/inside"),
]  # fmt: skip
PASSES = [{}, {"state": "revoked"}, {"state": "expired"}, {"state": "revoked", "replaced_by": "ABCDEFGH"}]
POST = """([path, fields]) => {
  const form = document.createElement("form");
  form.method = "post"; form.action = path;
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement("input");
    input.type = "hidden"; input.name = name; input.value = value; form.append(input);
  }
  document.body.append(form); form.submit();
}"""
FOUND = """async () => (await axe.run(document, {reporter: "v2"})).violations
  .map((one) => one.id + ": " + one.nodes.map((node) => node.target.join(" ")).slice(0, 3).join(", "))"""


@pytest.fixture(scope="module")
def alone() -> Iterator[PagesAlone]:
    with PagesAlone() as pages:
        yield pages


@pytest.fixture
def context(chromium: Browser, alone: PagesAlone) -> Iterator[BrowserContext]:
    one = chromium.new_context(base_url=alone.url, viewport=NARROW, locale="en-IN", timezone_id="Asia/Kolkata", reduced_motion="reduce")
    yield one
    one.close()
    alone.reset()


def post(page: Page, path: str, form: dict[str, str]) -> int:
    """Sends a form from a page of ours, as a browser does; the status of what comes."""
    with page.expect_navigation() as landed:
        page.evaluate(POST, [path, form])
    answer = landed.value
    assert answer is not None
    return answer.status


def bring(page: Page, alone: PagesAlone, state: State, language: str) -> int:
    """Makes a page what a state says; its status."""
    alone.reset()
    alone.sign_in(page.context, state.who)
    for path, form in state.before:
        page.context.request.post(f"/{language}{path}", form=form, headers=SAME_SITE, max_redirects=0)
    alone.answers.update(state.answers)
    if state.form is not None:
        page.goto(f"/{language}/cleared")
        return post(page, f"/{language}{state.path}", state.form)
    answer = page.goto(f"/{language}{state.path}")
    assert answer is not None
    return answer.status


def complaints(page: Page) -> list[str]:
    """What hinders somebody on this page."""
    page.evaluate(AXE.read_text())
    found: list[str] = page.evaluate(FOUND)
    width = page.evaluate("document.scrollingElement.scrollWidth")
    if width > page.viewport_size["width"]:  # type: ignore[index]  # it was set
        found.append(f"scrolls sideways: {width} px")
    if page.evaluate("document.getAnimations().length"):
        found.append("moves although less motion was asked for")
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_hinders_anybody_in_any_state_and_each_has_a_title_of_its_own(
    context: BrowserContext, alone: PagesAlone, language: str
) -> None:
    page = context.new_page()
    found: dict[str, list[str]] = {}
    titles: dict[str, str] = {}
    for state in STATES:
        status = bring(page, alone, state, language)
        wrong = complaints(page) + ([] if status == state.status else [f"answered {status} at {page.url}"])
        if page.locator("html").get_attribute("lang") != language:
            wrong.append("another language")
        has_error = page.title().startswith(texts(language).gettext("Error:"))  # type: ignore[arg-type]  # one of the three
        if has_error != (page.locator(".govuk-error-summary").count() > 0):
            wrong.append(f"title: {page.title()}")
        if state.form is None and titles.setdefault(page.title(), state.path.partition("?")[0]) != state.path.partition("?")[0]:
            wrong.append(f"the title of {titles[page.title()]}")
        if wrong:
            found[state.name] = wrong
    assert found == {}
    assert len(titles) > 25


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_pass_hinders_nobody(context: BrowserContext, alone: PagesAlone, language: str) -> None:
    page = context.new_page()
    found = {}
    for given in PASSES:
        alone.answers["issuance.view_by_link"] = pass_view(language=language, **given)
        page.goto("/p/aB3dE5fG7hJ9kL1mN2pQ4r")
        if wrong := complaints(page):
            found[str(given)] = wrong
    alone.answers["issuance.view_by_link"] = NotFound()
    page.goto("/p/aB3dE5fG7hJ9kL1mN2pQ4r")
    assert (found, complaints(page)) == ({}, [])


def test_what_hinders_is_found(context: BrowserContext, alone: PagesAlone) -> None:
    page = context.new_page()
    bring(page, alone, State(None, "/status"), "en")
    assert complaints(page) == []
    page.evaluate("document.querySelector('label').remove()")
    assert any(one.startswith("label") for one in complaints(page))
    page.evaluate("document.querySelector('h1').style.width = '900px'")
    assert any(one.startswith("scrolls sideways") for one in complaints(page))


def test_a_verdict_is_seen_in_forced_colours_and_fills_the_screen(context: BrowserContext, alone: PagesAlone) -> None:
    page = context.new_page()
    page.emulate_media(forced_colors="active")
    page.set_viewport_size({"width": 360, "height": 740})
    for verdict in ("admit", "revoked"):
        answers = {"verify.scan": ADMIT.model_copy(update={"verdict": verdict, "preview": False})}
        bring(page, alone, State("security", "/gate", {"pass": NUMBER}, answers), "pa")
        box = page.locator(".epass-verdict").bounding_box()
        assert box is not None
        assert box["height"] > 740 * 0.6
        assert page.locator(".epass-verdict").evaluate("one => getComputedStyle(one).borderTopWidth") == "8px"
        assert page.locator(".epass-verdict__icon").inner_text() in {"✓", "✕"}
        assert complaints(page) == []


def tab_to(page: Page, selector: str) -> None:
    """Presses Tab until something has the focus; it must be seen there."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"the keyboard does not come to {selector}")


def test_the_desk_needs_no_mouse(context: BrowserContext, alone: PagesAlone) -> None:
    page = context.new_page()
    bring(page, alone, State("department", "/desk"), "pa")
    for selector in ("tbody a", "a[href$='/approve']"):
        tab_to(page, selector)
        with page.expect_navigation():
            page.keyboard.press("Enter")
    tab_to(page, "input[name=slot]")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowDown")
    tab_to(page, "#entries")
    page.keyboard.press("Control+A")
    page.keyboard.type("2")
    alone.answers.update({"approval.approve": APPROVED, "approval.view_review": APPROVED})
    page.keyboard.press("Enter")
    expect(page.locator("[role=status]")).to_be_visible()


def test_a_scanner_and_a_keyboard_are_enough_at_the_gate(context: BrowserContext, alone: PagesAlone) -> None:
    page = context.new_page()
    bring(page, alone, State("security", "/gate"), "en")
    page.keyboard.type(NUMBER)  # the field has the focus already
    page.keyboard.press("Enter")
    expect(page.locator("#id_last4")).to_be_focused()
    alone.answers["verify.scan"] = ADMIT.model_copy(update={"preview": False, "inside": 3})
    page.keyboard.type("4821")
    page.keyboard.press("Enter")
    expect(page.locator(".epass-verdict--good")).to_be_visible()
    expect(page.locator("a.govuk-button")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#pass")).to_be_focused()


def test_the_first_thing_that_is_wrong_has_the_focus_and_leads_to_its_field(context: BrowserContext, alone: PagesAlone) -> None:
    page = context.new_page()
    bring(page, alone, State("department", f"{REVIEW}/approve", {"slot": "own", "entries": "x"}, status=422), "en")
    expect(page.locator(".govuk-error-summary")).to_be_focused()
    tab_to(page, ".govuk-error-summary a")
    page.keyboard.press("Enter")
    expect(page.locator("#date")).to_be_focused()


def test_the_keyboard_jumps_over_what_is_on_every_page(context: BrowserContext, alone: PagesAlone) -> None:
    page = context.new_page()
    alone.answers["approval.view_review"] = review()
    bring(page, alone, State("department", REVIEW), "hi")
    page.keyboard.press("Tab")
    expect(page.locator(".govuk-skip-link")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.url.endswith("#main-content")
