"""Verdicts in the gate's app: why, what to do next, and how they are seen, heard and felt."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from contracts.model import Person
from contracts.rpc.verify.incidents import HelpCall, Telephones
from contracts.rpc.verify.manifests import ManifestPass
from contracts.rpc.verify.presence import Movements
from contracts.rpc.verify.scans import ScanResult
from services.chassis.runtime.clock import now
from services.gateway.pages.shared.languages import LANGUAGES
from tests.e2e.gate_app import HEARD, MANIFEST, SUPERVISED, WORDS, A, B, Verify, scan, verdict
from tests.support.factories.gateway import NUMBER, public_key
from tests.support.factories.pages import ADMIT
from tests.support.stack.running import eventually
from tests.support.system.pages_alone import PagesAlone

KNOWN = MANIFEST.model_copy(
    update={
        "keys": (public_key(),),
        "telephones": Telephones(reception="0172-5550101", security="0172-5550102"),
    }
)
"""A manifest that the app takes, with telephones."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_each_pin_is_void_the_guard_learns_before_a_tap_that_nobody_can_agree(
    open_app: Callable[..., Page], alone: PagesAlone, verify: Verify, language: str
) -> None:
    alone.answers["verify.manifest"] = KNOWN.model_copy(update={"supervisor_demanded": True})
    page, texts = open_app(language), WORDS[language]["texts"]
    verify.verdicts[A] = ADMIT.model_copy(update={"call_supervisor": True, "supervisors_void": True})
    expect(page.locator(".banner")).to_contain_text(texts["supervisors_gone"], timeout=30_000)
    scan(page)
    expect(verdict(page, "amber")).to_contain_text(texts["supervisors_void"], timeout=30_000)
    expect(page.locator(".verdict a[href^='tel:']")).to_have_count(2)
    expect(page.locator(".verdict button, .verdict summary")).to_have_count(0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_guard_reads_at_once_who_wants_what_is_said_in_writing(
    open_app: Callable[..., Page], verify: Verify, language: str
) -> None:
    page = open_app(language)
    verify.verdicts[A] = ADMIT.model_copy(update={"assistance": "written"})
    scan(page)
    expect(page.locator(".verdict")).to_contain_text(WORDS[language]["texts"]["written"])


def test_where_each_pin_is_void_the_last_four_that_match_still_open_the_gate(
    open_app: Callable[..., Page], verify: Verify
) -> None:
    page = open_app()
    verify.verdicts[A] = ADMIT.model_copy(update={"supervisors_void": True})  # another card did not match
    scan(page)
    expect(verdict(page, "amber")).to_contain_text(WORDS["en"]["texts"]["supervisors_void"])
    expect(page.locator(".button--main, #other-reason")).to_have_count(0)
    del verify.verdicts[A]
    page.fill("#last-four", "4821")
    page.locator(".verdict button[type=submit]").click()
    expect(verdict(page, "good")).to_be_visible()
    assert [one.supervisor for one in verify.recorded] == [None]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_guard_whose_call_nobody_has_answered_is_told_whom_to_telephone(
    open_app: Callable[..., Page], alone: PagesAlone, language: str
) -> None:
    alone.answers["verify.manifest"] = KNOWN
    called = now() - timedelta(minutes=16)
    over = HelpCall(
        id=UUID(int=1), site="PCS1", gate="PCS1-G1", reason="danger", called_at=called, called_by="SEC-0001",
        unanswered_at=called + timedelta(minutes=15),
    )  # fmt: skip
    alone.answers["verify.movements"] = Movements(calls=(over,))
    page = open_app(language)
    before = WORDS[language]["texts"]["help_unanswered"].partition("%(at)s")
    for words in (before[0], before[2]):
        expect(page.locator(".banner")).to_contain_text(words.strip(), timeout=30_000)
    expect(page.locator(".banner a[href='tel:01725550101']")).to_be_visible()
    expect(page.locator(".banner a[href='tel:01725550102']")).to_be_visible()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_plate_finds_a_pass_and_where_several_name_the_vehicle_the_guard_chooses(
    open_app: Callable[..., Page], alone: PagesAlone, verify: Verify, language: str
) -> None:
    terms = {"site": "PCS1", "party": 2, "entries": 1, "commitment_key": "", "department": "home",
             "valid_from": now() - timedelta(hours=1), "valid_to": now() + timedelta(hours=1)}  # fmt: skip
    passes = tuple(
        ManifestPass(
            pass_=number, reference=f"PCS-AB3D-5FG{number[0]}", vehicle=plate, applicant=who, **terms
        )
        for number, plate, who in (
            (NUMBER, "PB65AB1234", ADMIT.applicant),
            ("AB3D5FGM", "CH01AC1234", Person(name="Baldev Singh", name_latin="Baldev Singh")),
        )
    )
    alone.answers["verify.manifest"] = KNOWN.model_copy(update={"passes": passes})
    page, texts = open_app(language), WORDS[language]["texts"]
    for typed, chosen in (("pb 65 ab 1234", None), ("1234", 0)):
        page.fill("#number", typed)
        page.press("#number", "Enter")
        if chosen is not None:
            expect(page.locator(".verdict h1")).to_have_text(texts["whose_pass"])
            expect(page.locator(".choice")).to_have_count(2)
            page.locator(".choice").nth(chosen).click()
        expect(verdict(page, "ask")).to_contain_text("Gurpreet Kaur")
        assert verify.scanned[-1].pass_number == NUMBER
    page.fill("#number", "PB65AB9999")
    page.press("#number", "Enter")
    expect(verdict(page, "amber")).to_contain_text(texts["no_such_vehicle"])
    assert len(verify.scanned) == 2


REFUSALS = {
    "already_inside": ("bad", "all_inside", "next_out_first", "may_override"),
    "already_used": ("bad", "used", "next_reception", "may_override"),
    "not_yet_valid": ("amber", "next_wait", "may_override"),
    "day_closed": ("amber", "closed_day", "next_reception", "may_override"),
    "expired": ("bad", "next_reception", "may_override"),
    "wrong_site": ("amber", "next_site"),
    "wrong_gate": ("amber", "next_gate", "may_override"),
    "revoked": ("bad", "withdrawn"),
    "unknown_pass": ("bad", "unknown_token"),
    "bad_signature": ("bad", "not_genuine"),
}
"""Verdict → its look, and what the guard is told."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_refusal_says_why_and_what_to_do_next_by_colour_word_icon_and_signal(
    open_app: Callable[..., Page], alone: PagesAlone, verify: Verify, language: str
) -> None:
    alone.answers["verify.manifest"] = SUPERVISED
    page = open_app(language)
    for name, (tone, *keys) in REFUSALS.items():
        verify.verdicts[A] = ADMIT.model_copy(
            update={
                "verdict": name, "preview": "may_override" in keys, "applicant": None, "companions": (),
                "gate": "PCS1-G2", "overridable": (name,) if "may_override" in keys else (),
            }
        )  # fmt: skip
        scan(page)
        drawn = verdict(page, tone)
        expect(drawn.locator("h1")).to_have_text(WORDS[language]["verdicts"][name])
        expect(drawn.locator("svg")).to_be_visible()
        for key in keys:
            expect(drawn).to_contain_text(WORDS[language]["texts"][key])
        expect(page.locator("html")).to_have_attribute("data-signal", tone)
        expect(page.locator(".button--main")).to_have_count(0)


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_a_network_a_number_that_is_not_on_the_list_is_not_called_one_of_nobody(
    open_app: Callable[..., Page], alone: PagesAlone, verify: Verify, language: str
) -> None:
    """It may be of another site or day, of which this device holds no pass."""
    words = WORDS[language]["texts"]
    verify.verdicts[NUMBER] = ScanResult(verdict="unknown_pass", preview=True)
    page = open_app(language)
    for is_offline, said, unsaid in (
        (False, "unknown_number", "not_on_list"),
        (True, "not_on_list", "unknown_number"),
    ):
        page.context.set_offline(is_offline)
        scan(page, NUMBER)
        expect(page.locator(f".dot--{'off' if is_offline else 'on'}")).to_be_visible()
        expect(verdict(page, "bad")).to_contain_text(words[said])
        expect(verdict(page, "bad")).not_to_contain_text(words[unsaid])


SIGNALS = {
    "ask": ([880], [40]),
    "good": ([660, 990], [90]),
    "amber": ([440, 440], [120, 90, 120]),
    "bad": ([196, 147], [350, 120, 350]),
}
"""Look of a verdict → what a guard hears and feels of it."""


def test_each_kind_of_verdict_is_heard_and_felt_and_differs_from_the_others(
    open_app: Callable[..., Page], verify: Verify
) -> None:
    page = open_app(script=HEARD)
    sounds = "window.audio?.state === 'running'"
    page.keyboard.press("Shift")
    eventually(lambda: page.evaluate(sounds), "a key lets the page make sounds")

    def act(tone: str) -> None:
        if tone == "good":
            return page.locator(".button--main").click()
        refusal = {"amber": "not_yet_valid", "bad": "revoked"}.get(tone)
        if refusal is not None:
            verify.verdicts[A] = ADMIT.model_copy(
                update={"verdict": refusal, "preview": False, "applicant": None}
            )
        return scan(page)

    for tone, signal in SIGNALS.items():
        page.evaluate("window.heard = []; window.felt = [];")
        act(tone)
        expect(verdict(page, tone)).to_be_visible()
        expect(page.locator("html")).to_have_attribute("data-signal", tone)
        heard, [felt] = page.evaluate("[window.heard, window.felt]")
        assert (tone, heard, felt) == (tone, *signal)
    page.evaluate("window.audio.suspend()")
    page.keyboard.press("Shift")
    eventually(lambda: page.evaluate(sounds), "a key brings the sound back that the system has taken")


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_entry_leaves_the_screen_after_six_seconds_and_a_question_stays(
    open_app: Callable[..., Page], language: str
) -> None:
    page, words = open_app(language), WORDS[language]
    page.clock.install()
    scan(page)
    expect(verdict(page, "ask").locator(".verdict__name")).to_have_text("Gurpreet Kaur")
    page.clock.fast_forward(31_000)
    verdict(page, "ask").page.locator(".button--main").click()
    expect(verdict(page, "good").locator(".verdict__name")).to_have_text("Gurpreet Kaur")
    page.clock.fast_forward(5_000)
    expect(verdict(page, "good")).to_be_visible()
    page.clock.fast_forward(1_000)
    expect(page.locator(".verdict")).to_have_count(0)
    expect(page.locator(".last")).to_contain_text(words["verdicts"]["admit"])
    expect(page.locator("body")).not_to_contain_text("Gurpreet Kaur")
    scan(page, B)
    expect(verdict(page, "ask")).to_be_visible()
    expect(page.locator(".last")).to_be_hidden()


def test_where_the_site_wants_digits_of_each_pass_one_tap_admits_nobody(
    open_app: Callable[..., Page], alone: PagesAlone, verify: Verify
) -> None:
    alone.answers["verify.manifest"] = KNOWN.model_copy(update={"digits": 100})
    page = open_app()
    expect(page.locator(".bar__age")).not_to_have_text(WORDS["en"]["texts"]["list_none"], timeout=30_000)
    scan(page)
    expect(verdict(page, "ask").locator("#last-four")).to_be_visible()
    expect(page.locator(".button--main")).to_have_count(0)
    page.fill("#last-four", "4821")
    page.locator(".verdict button[type=submit]").first.click()
    expect(verdict(page, "good")).to_be_visible()
    assert [one.id_check.kind for one in verify.recorded if one.id_check] == ["matched"]
