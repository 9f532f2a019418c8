"""The screen of a waiting hall speaks each call once in three languages, and keeps no old call."""

import json
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from contracts.errors import Unavailable
from contracts.rpc.approval.visits import CalledList, CalledVisitor
from services.chassis.runtime.clock import now
from services.gateway.pages.hall import LOST
from tests.e2e.navigation import barriers
from tests.e2e.people import translated
from tests.e2e.viewports import DESK
from tests.support.factories.gateway import REFERENCE
from tests.support.system.pages_alone import PagesAlone

SOON = 20_000
SPEECH = """
window.spoken = [];
window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
Object.defineProperty(window, "speechSynthesis", { value: {
  getVoices: () => %s.map((lang) => ({ lang })),
  speak: (one) => window.spoken.push([one.lang, one.voice?.lang ?? null, one.text]),
} });
"""
PUNJABI = ["pa-IN", "ਕਿਰਪਾ ਕਰਕੇ ਹੁਣ ਆਓ: {}, ਕਮਰਾ 4 31"]
HINDI = ["hi-IN", "कृपया अब आइए: {}, कमरा 4 31"]
ENGLISH = ["en-IN", "Please come now: {}, room 4 31"]


@pytest.mark.parametrize(
    ("voices", "heard"),
    [
        (["en-US", "en_IN", "hi-IN", "pa-Guru-IN"], ["pa-Guru-IN", "hi-IN", "en_IN"]),
        (["en-US", "hi-IN"], ["", "hi-IN", "en-US"]),
        ([], [None, None, None]),
    ],
    ids=["all voices", "no Punjabi voice", "a browser that lists none"],
)
def test_each_call_is_spoken_once_in_punjabi_hindi_and_english_by_reference(
    chromium: Browser, alone: PagesAlone, voices: list[str], heard: list[str | None]
) -> None:
    first, again = now(), now() + timedelta(minutes=3)
    old = CalledVisitor(reference="PCS-0000-0001", room="2", called_at=first - timedelta(minutes=6))
    new = CalledVisitor(reference=REFERENCE, room="4-31", called_at=first)

    def call(*items: CalledVisitor) -> None:
        alone.answers["approval.list_called"] = CalledList(items=items)

    def said() -> list[list[str | None]]:
        reference = REFERENCE.replace("-", " ")
        pairs = zip((PUNJABI, HINDI, ENGLISH), heard, strict=True)
        return [[lang, voice, text.format(reference)] for (lang, text), voice in pairs if voice != ""]

    context = chromium.new_context(base_url=alone.url, viewport=DESK)
    context.add_init_script(SPEECH % json.dumps(voices))
    alone.sign_in(context, "reception")
    page = context.new_page()
    call(old)
    page.goto("/en/hall")
    row = page.locator("[data-call]")
    expect(row).to_have_count(1)
    call(new, old)
    expect(row).to_have_count(2, timeout=SOON)
    assert page.evaluate("spoken") == said(), "whom it called before it was opened is not called again"
    call(new)
    expect(row).to_have_count(1, timeout=SOON)
    assert page.evaluate("spoken") == said(), "once per call"
    call(new.model_copy(update={"called_at": again}), old)
    expect(row).to_have_count(2, timeout=SOON)
    assert page.evaluate("spoken") == said() * 2, "a second call is spoken as the first one was"
    context.close()
    alone.reset()


CALLS = CalledList(items=(CalledVisitor(reference=REFERENCE, room="402", called_at=now()),))


def pass_seconds(page: Page, seconds: int) -> None:
    """Let the screen ask again after so many seconds, and wait for what it hears."""
    with page.expect_response(lambda answer: "/hall" in answer.url):
        page.clock.fast_forward(seconds * 1000)


def test_a_screen_without_news_or_without_a_session_says_so_and_goes_on_by_itself(
    chromium: Browser, alone: PagesAlone
) -> None:
    alone.reset()
    context = chromium.new_context(base_url=alone.url, viewport=DESK)
    alone.sign_in(context, "kiosk")
    alone.answers["approval.list_called"] = CALLS
    page = context.new_page()
    page.clock.install()
    page.goto("/en/hall")
    state = page.locator("#state")
    expect(state).to_contain_text(REFERENCE)

    alone.answers["approval.list_called"] = Unavailable("away")
    pass_seconds(page, 100)
    expect(state).to_contain_text(REFERENCE)
    pass_seconds(page, 30)
    for language in ("pa", "hi", "en"):
        expect(state).to_contain_text(translated(LOST, language))
    expect(state).not_to_contain_text(REFERENCE)
    assert barriers(page) == []

    alone.answers["approval.list_called"] = CALLS
    pass_seconds(page, 5)
    expect(state).to_contain_text(REFERENCE)

    context.clear_cookies()
    pass_seconds(page, 5)
    expect(state).to_contain_text(LOST)
    expect(state).not_to_contain_text(REFERENCE)
    context.close()
    alone.reset()
