"""Exits in the gate's app: how many leave, and what follows when nobody says so."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from services.gateway.pages.shared.languages import LANGUAGES
from tests.e2e.gate_app import HEARD, WORDS, A, B, Verify, scan, verdict
from tests.e2e.viewports import PHONE
from tests.support.factories.gateway import NUMBER
from tests.support.factories.pages import ADMIT


def one_unsent(language: str) -> str:
    """Return what the app says of a scan that waits."""
    return WORDS[language]["counted"]["unsent"][0].replace("%(num)s", "1")


@pytest.mark.parametrize(
    ("language", "size"),
    [("hi", PHONE), ("pa", {"width": 844, "height": 390})],
    ids=["portrait", "landscape"],
)
def test_the_guard_says_by_one_tap_how_many_of_a_party_leave(
    open_app: Callable[..., Page], verify: Verify, language: str, size: dict[str, int]
) -> None:
    page, words = open_app(language, size), WORDS[language]
    verify.verdicts[A] = ADMIT.model_copy(update={"verdict": "exit", "inside": 3})
    page.locator("label[for=direction-exit]").click()
    scan(page)
    asked = verdict(page, "ask")
    expect(asked.locator("h1")).to_have_text(words["texts"]["how_many_leave"])
    expect(page.locator(".button--main")).to_have_text(
        words["counted"]["all_leave"][1].replace("%(num)s", "3")
    )
    del verify.verdicts[A]
    asked.get_by_role("button", name="1", exact=True).click()
    expect(verdict(page, "good").locator("h1")).to_have_text(words["verdicts"]["exit"])
    first, left = verify.scanned[-2:]
    assert (first.ask_count, first.count, left.count) == (True, None, 1)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "size", [{"width": 640, "height": 360}, {"width": 360, "height": 640}], ids=["landscape", "portrait"]
)
def test_of_a_party_of_eleven_each_number_is_in_sight_also_below_a_banner(
    open_app: Callable[..., Page], verify: Verify, language: str, size: dict[str, int]
) -> None:
    page = open_app(language, size)
    verify.verdicts[A] = ADMIT.model_copy(update={"verdict": "exit", "inside": 11, "party": 11})
    page.locator("label[for=direction-exit]").click()
    scan(page)
    asked = verdict(page, "ask")
    expect(page.locator(".banner p")).to_be_visible()
    expect(asked.locator(".verdict__name")).to_be_in_viewport(ratio=1)
    for count in range(1, 11):
        number = asked.get_by_role("button", name=str(count), exact=True)
        expect(number).to_be_in_viewport(ratio=1)
        number.click(trial=True)  # nothing lies over it
    expect(page.locator(".button--main")).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_nobody_says_how_many_leave_nothing_is_recorded_and_the_guard_hears_of_it(
    open_app: Callable[..., Page], verify: Verify, language: str
) -> None:
    page, words = open_app(language, script=HEARD), WORDS[language]["texts"]
    page.clock.install()
    verify.verdicts[A] = ADMIT.model_copy(update={"verdict": "exit", "inside": 3})
    page.locator("label[for=direction-exit]").click()
    scan(page)
    expect(verdict(page, "ask")).to_be_visible()
    felt = "window.felt.splice(0)"
    assert page.evaluate(felt) == [[40]]
    page.clock.fast_forward(30_000)
    assert page.evaluate(felt) == [[40]], "asked again"
    expect(verdict(page, "ask")).to_be_visible()
    page.clock.fast_forward(30_000)
    expect(verdict(page, "amber").locator("h1")).to_have_text(words["not_counted"])
    expect(verdict(page, "amber")).to_contain_text(words["not_counted_why"])
    expect(verdict(page, "amber").locator(".verdict__name")).to_have_text("Gurpreet Kaur")
    expect(page.locator(".verdict button")).to_have_count(0)
    assert page.evaluate(felt) == [[120, 90, 120]]
    # No next scan records the exit; the clock has jumped, so that the app may be without its gateway now.
    scan(page, B)
    expect(page.locator(".verdict h1")).not_to_have_text(words["not_counted"])
    assert [one.token for one in verify.scanned].count(A) == 1
    assert page.locator(".bar__unsent").all_inner_texts() in ([], [one_unsent(language)])


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_a_network_nobody_is_told_to_sign_out_before_the_sign_in_ends(
    open_app: Callable[..., Page], language: str
) -> None:
    page, words = open_app(language), WORDS[language]["texts"]
    online, offline = (words[key].partition("%(age)s")[2] for key in ("session_ends", "session_ends_offline"))
    expect(page.locator(".banner")).to_contain_text(online)
    page.context.set_offline(True)
    scan(page, NUMBER)
    expect(page.locator(".dot--off")).to_be_visible()
    expect(page.locator(".banner")).to_contain_text(offline)
    expect(page.locator(".banner")).not_to_contain_text(online)


def test_a_question_that_was_answered_in_time_ends_with_its_answer(
    open_app: Callable[..., Page], verify: Verify
) -> None:
    page = open_app()
    page.clock.install()
    verify.verdicts[A] = ADMIT.model_copy(update={"verdict": "exit", "inside": 3})
    page.locator("label[for=direction-exit]").click()
    scan(page)
    expect(verdict(page, "ask")).to_be_visible()
    del verify.verdicts[A]
    page.locator(".button--main").click()
    expect(verdict(page, "good")).to_be_visible()
    page.clock.fast_forward(70_000)
    expect(page.locator(".last")).to_contain_text(WORDS["en"]["verdicts"]["exit"])
    expect(page.locator(".verdict")).to_have_count(0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_exit_of_nobody_asks_whether_they_come_in_and_an_old_list_is_amber(
    open_app: Callable[..., Page], verify: Verify, language: str
) -> None:
    page, words = open_app(language), WORDS[language]["texts"]
    verify.verdicts[A] = ADMIT.model_copy(
        update={"verdict": "exit", "preview": False, "inside": 0, "marks": ("no_entry",)}
    )
    page.locator("label[for=direction-exit]").click()
    scan(page)
    expect(verdict(page, "amber")).to_contain_text(words["stray_exit"])
    verify.verdicts[A] = ADMIT.model_copy(update={"list_age_s": 3600})
    page.locator(".button--main").click()
    asked = verdict(page, "amber")
    expect(asked.locator("h1")).to_have_text(words["check_id_old_list"])
    expect(asked).to_contain_text(words["old_list"])
    assert verify.scanned[-1].direction == "entry"
