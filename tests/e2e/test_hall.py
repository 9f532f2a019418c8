"""The screen of a waiting hall speaks whom it calls: by reference, once, in each language it can."""

import json
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from contracts.rpc.approval.visits import CalledList, CalledVisitor
from services.chassis.runtime.clock import now
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
