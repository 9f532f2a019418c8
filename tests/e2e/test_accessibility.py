"""Accessibility of every page, in every state and language.

axe finds nothing, a narrow or enlarged page does not scroll sideways, titles and languages are right, and a
keyboard is enough.
"""

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from contracts.errors import NotFound
from services.gateway.pages.shared.languages import LANGUAGES, texts
from tests.e2e.navigation import barriers, bring
from tests.e2e.page_samples import APPROVED, REVIEW, State
from tests.e2e.page_states import STATES, TRIED
from tests.support.factories.gateway import NUMBER, pass_view
from tests.support.factories.pages import ADMIT, review
from tests.support.system.pages_alone import PagesAlone

NARROW = {"width": 320, "height": 256}
"""1280 × 1024 at 400 %, and the narrowest phone (WCAG 2.2, 1.4.10)."""
MUCH = {
    "officer": "baldev", "gate": "PCS1-G1", "vehicle": "PB65AB1234", "vehicle_allowed": True,
    "assistance": "wheelchair", "companions": ADMIT.companions, "party": 3, "entries": 2,
}  # fmt: skip
PASSES = [
    MUCH,
    {"state": "revoked"},
    {"state": "expired"},
    {"state": "revoked", "replaced_by": "ABCDEFGH"},
]


@pytest.fixture
def context(chromium: Browser, alone: PagesAlone) -> Iterator[BrowserContext]:
    one = chromium.new_context(
        base_url=alone.url,
        viewport=NARROW,
        locale="en-IN",
        timezone_id="Asia/Kolkata",
        reduced_motion="reduce",
    )
    yield one
    one.close()
    alone.reset()


def complaints(page: Page) -> list[str]:
    """Return the barriers of a page, and whether it moves."""
    found = barriers(page)
    # one that takes no time moves nothing: it takes something away, or shows it, after a while
    if page.evaluate("document.getAnimations().filter((one) => one.effect.getTiming().duration).length"):
        found.append("moves although less motion was asked for")
    return found


def titled(state: State) -> str:
    """Return what must have a title of its own: a page, or what every page says that cannot be shown."""
    if state.status != 200:
        return str(state.status)
    path = state.path.partition("?")[0]
    same = (one for one in ("/sessions", "/recovery-codes", "/second-factor") if path.endswith(one))
    return next(same, path)  # the same page for each kind of session, and after each way to it


@pytest.mark.parametrize(
    ("language", "scheme"), [("pa", "light"), ("hi", "light"), ("en", "light"), ("pa", "dark")]
)
def test_every_page_is_accessible_in_every_state_and_has_its_own_title(
    context: BrowserContext, alone: PagesAlone, language: str, scheme: Literal["light", "dark"]
) -> None:
    page = context.new_page()
    page.emulate_media(color_scheme=scheme)
    found: dict[str, list[str]] = {}
    titles: dict[tuple[str, bool], str] = {}
    for state in TRIED:
        status = bring(page, alone, state, language)
        wrong = complaints(page) + ([] if status == state.status else [f"answered {status} at {page.url}"])
        if page.locator("html").get_attribute("lang") != language:
            wrong.append("another language")
        has_error = page.title().startswith(texts(language).gettext("Error:"))  # type: ignore[arg-type]  # one of the three
        if has_error != (page.locator(".govuk-error-summary").count() > 0):
            wrong.append(f"title: {page.title()}")
        opened = (page.title(), "kiosk" in (state.who or ""))
        if state.form is None and titles.setdefault(opened, titled(state)) != titled(state):
            wrong.append(f"the title of {titles[opened]}")
        if wrong:
            found[state.name] = wrong
    assert found == {}
    assert len(titles) > 25 or 0 < len(TRIED) < len(STATES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_pass_is_accessible_in_every_condition(
    context: BrowserContext, alone: PagesAlone, language: str
) -> None:
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


def test_control_an_inaccessible_page_is_found(context: BrowserContext, alone: PagesAlone) -> None:
    page = context.new_page()
    bring(page, alone, State(None, "/status"), "en")
    assert complaints(page) == []
    page.evaluate("document.querySelector('label').remove()")
    assert any(one.startswith("label") for one in complaints(page))
    page.evaluate("document.querySelector('h1').style.width = '900px'")
    assert any(one.startswith("scrolls sideways") for one in complaints(page))


def test_a_verdict_is_seen_in_forced_colours_and_fills_the_screen(
    context: BrowserContext, alone: PagesAlone
) -> None:
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
    """Press Tab until an element has the focus, which must be visible."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"the keyboard does not come to {selector}")


def test_the_desk_needs_no_mouse(context: BrowserContext, alone: PagesAlone) -> None:
    page = context.new_page()
    bring(page, alone, State("department", "/desk"), "pa")
    tab_to(page, "tbody a")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    tab_to(page, "#approve input[name=slot]")
    page.keyboard.press("ArrowDown")
    tab_to(page, "#approve summary")
    page.keyboard.press("Enter")
    tab_to(page, "#entries")
    page.keyboard.press("Control+A")
    page.keyboard.type("2")
    alone.answers.update({"approval.approve": APPROVED, "approval.view_review": APPROVED})
    page.keyboard.press("Enter")
    expect(page.locator("[role=status]").first).to_be_visible()


def test_single_keys_act_outside_of_fields_and_can_be_switched_off(
    context: BrowserContext, alone: PagesAlone
) -> None:
    page = context.new_page()
    bring(page, alone, State("department", "/desk"), "pa")
    shown = page.locator("#shortcuts")
    page.locator("#q").focus()
    page.keyboard.press("?")
    expect(shown).to_be_hidden()
    page.locator("#q").blur()
    page.keyboard.press("j")
    expect(page.locator("[data-opens]").first).to_be_focused()
    held = "new KeyboardEvent('keydown', {key: '?', bubbles: true, repeat: true})"
    page.evaluate(f"document.activeElement.dispatchEvent({held})")
    expect(shown).to_be_hidden()  # a key that is held down acts once
    page.keyboard.press("?")
    expect(shown).to_be_visible()
    page.uncheck("#shortcuts-on")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(shown).to_be_hidden()
    page.reload()
    page.keyboard.press("j")
    expect(page.locator("[data-opens]").first).not_to_be_focused()
    page.click("[data-shortcuts]")
    page.check("#shortcuts-on")
    page.keyboard.press("Escape")
    page.locator(".epass-bar__who").click()
    page.keyboard.press("j")
    expect(page.locator("[data-opens]").first).to_be_focused()


def test_the_error_summary_has_the_focus_and_links_to_the_field(
    context: BrowserContext, alone: PagesAlone
) -> None:
    page = context.new_page()
    bring(
        page,
        alone,
        State("department", f"{REVIEW}/approve", {"slot": "own", "entries": "x"}, status=422),
        "en",
    )
    expect(page.locator(".govuk-error-summary")).to_be_focused()
    tab_to(page, ".govuk-error-summary a")
    page.keyboard.press("Enter")
    expect(page.locator("#date")).to_be_focused()


def test_the_skip_link_leads_to_the_content(context: BrowserContext, alone: PagesAlone) -> None:
    page = context.new_page()
    alone.answers["approval.view_review"] = review()
    bring(page, alone, State("department", REVIEW), "hi")
    page.keyboard.press("Tab")
    expect(page.locator(".govuk-skip-link")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.url.endswith("#main-content")
