"""A gate's app that locks itself: what it shows, what its storage holds, and what opens it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from contracts.rpc.verify.manifests import ManifestPass
from services.chassis.runtime.clock import now
from services.gateway.pages.shared.languages import LANGUAGES
from tests.e2e.gate_app import MANIFEST, WORDS, A, Verify, scan
from tests.e2e.navigation import barriers
from tests.e2e.viewports import PHONE
from tests.support.factories.gateway import NUMBER, REFERENCE
from tests.support.stack.running import eventually
from tests.support.system.pages_alone import PagesAlone

TEXTS, COUNTED, PROBLEMS = (WORDS["en"][name] for name in ("texts", "counted", "problems"))
PIN = "482915"
TABLET, PHONE_ON_ITS_SIDE = {"width": 800, "height": 1280}, {"width": 740, "height": 360}
STORED = """async () => {
  const db = await new Promise((resolve) => {
    const asked = indexedDB.open("epass-gate");
    asked.onsuccess = () => resolve(asked.result);
  });
  const found = {keys: [], rows: {}, opened: ""};
  const tried = [];
  for (const store of db.objectStoreNames) {
    const all = (what) => new Promise((resolve) => {
      const asked = db.transaction(store).objectStore(store)[what]();
      asked.onsuccess = () => resolve(asked.result);
    });
    const [names, values] = [await all("getAllKeys"), await all("getAll")];
    found.rows[store] = names;
    if (store === "keys") found.keys = values.filter((one) => one.usages.includes("decrypt"));
    tried.push(...values.map((one, at) => [store, names[at], one]));
  }
  db.close();
  const text = (bytes) => new TextDecoder().decode(bytes);
  const binds = (store, name, {nonce}) => ({
    manifest: {whole: "manifest"}[name] ?? name, moves: `move:${name}`, queue: `scan:${nonce}`,
  })[store] ?? "";
  for (const [store, name, value] of tried) {
    found.opened += JSON.stringify(value) ?? "";
    if (!value?.data) continue;
    found.opened += text(value.data);
    const additionalData = new TextEncoder().encode(binds(store, name, value));
    for (const key of found.keys) {
      const how = {name: "AES-GCM", iv: value.iv, additionalData};
      const plain = await crypto.subtle.decrypt(how, key, value.data).catch(() => null);
      if (plain) found.opened += text(plain);
    }
  }
  found.keys = found.rows.keys;
  return found;
}"""
"""Reads all that the app stores, and opens what the stored keys open: as somebody does who has the tablet."""


@pytest.fixture(scope="module")
def alone() -> Iterator[PagesAlone]:
    with PagesAlone(lock_minutes=10) as pages:
        yield pages


@pytest.fixture
def context(chromium: Browser, alone: PagesAlone, verify: Verify) -> Iterator[BrowserContext]:
    named = ManifestPass(
        pass_=NUMBER, reference=REFERENCE, site="PCS1", party=3, entries=1,
        valid_from=now() - timedelta(hours=1), valid_to=now() + timedelta(hours=9),
        applicant={"name": "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "name_latin": "Gurpreet Kaur", "id_type": "voter_id"},
        department="home", officer="baldev", commitment_key="AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        id_commitments=("Lbtz8aHwrGQ",),
    )  # fmt: skip
    alone.answers["verify.manifest"] = MANIFEST.model_copy(
        update={"made_at": now(), "complete_at": now(), "passes": (named,)}
    )
    one = chromium.new_context(base_url=alone.url, viewport=PHONE, timezone_id="Asia/Kolkata")
    alone.sign_in(one, "security", seconds=8 * 3600)
    yield one
    one.close()


def opened(context: BrowserContext, language: str = "en") -> Page:
    """Open the app, whose clocks are the test's."""
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.clock.install()
    page.add_init_script(f"localStorage['gate.language'] ??= '{language}'")
    page.goto("/gate")
    expect(page.locator(".lock")).to_be_visible()
    return page


def tap(page: Page, pin: str) -> None:
    for digit in pin:
        page.locator(".lock__key", has_text=digit).click()


def choose(page: Page) -> None:
    """Type the new PIN twice; the second time it is taken by its last digit."""
    tap(page, PIN)
    page.locator(".lock__key--done").click()
    expect(page.locator("#pin")).to_have_value("")
    tap(page, PIN)
    expect(page.locator(".lock")).to_have_count(0)


def guarded(context: BrowserContext) -> Page:
    """Open the app and choose a PIN."""
    page = opened(context)
    choose(page)
    # A round that ran meanwhile has passed the list by: the next one comes ten seconds later.
    expect(page.locator(".bar__age")).not_to_have_text(TEXTS["list_none"], timeout=20_000)
    page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
    eventually(lambda: "people" in page.evaluate(STORED)["rows"]["manifest"], "the list is stored")
    return page


def wait_ten_minutes(page: Page) -> None:
    page.clock.fast_forward("10:05")


def hide(page: Page, is_hidden: bool) -> None:
    """Hide the page as the system does, or show it again."""
    page.evaluate(
        """(is) => {
          Object.defineProperty(document, "hidden", {value: is, configurable: true});
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_hidden,
    )


def test_the_app_locks_after_ten_minutes_shows_nobody_and_opens_by_the_pin_without_a_network(
    context: BrowserContext,
) -> None:
    page = guarded(context)
    context.set_offline(True)
    scan(page, NUMBER)
    expect(page.locator(".verdict__name")).to_have_text("Gurpreet Kaur")
    page.clock.fast_forward("09:00")
    expect(page.locator(".lock")).to_have_count(0)
    page.locator(".verdict__body").click()  # a touch
    page.clock.fast_forward("09:00")
    expect(page.locator(".lock")).to_have_count(0)
    wait_ten_minutes(page)
    expect(page.locator(".lock h1")).to_have_text(TEXTS["locked"])
    assert "Gurpreet" not in page.locator("body").inner_html()
    eventually(lambda: page.evaluate(STORED)["keys"] == ["device"], "no key of visitors is stored")
    found = page.evaluate(STORED)
    assert "people" in found["rows"]["manifest"]
    for secret in ("Gurpreet", "ਗੁਰਪ੍ਰੀਤ", REFERENCE, NUMBER):
        assert secret not in found["opened"], secret
    scan(page, A)  # a scanner types into the question: no wrong PIN
    expect(page.locator("#pin")).to_have_value("")
    tap(page, PIN)
    expect(page.locator(".lock")).to_have_count(0)
    expect(page.locator(".verdict")).to_have_count(0)
    scan(page, NUMBER)
    expect(page.locator(".verdict__name")).to_have_text("Gurpreet Kaur")


def test_the_app_locks_when_it_is_put_away_but_not_for_a_moment(context: BrowserContext) -> None:
    page = guarded(context)
    scan(page)
    expect(page.locator(".verdict__name")).to_be_visible()
    hide(page, True)
    page.clock.fast_forward("00:20")
    hide(page, False)
    expect(page.locator(".verdict__name")).to_be_visible()
    hide(page, True)
    page.clock.fast_forward("00:31")
    hide(page, False)
    expect(page.locator(".lock h1")).to_have_text(TEXTS["locked"])
    expect(page.locator(".verdict")).to_have_count(0)
    page.reload()
    expect(page.locator(".lock h1")).to_have_text(TEXTS["locked"])
    page.keyboard.type(PIN)
    expect(page.locator(".lock")).to_have_count(0)


def test_after_too_many_wrong_pins_the_list_is_gone_and_the_scans_stay_and_are_sent(
    context: BrowserContext, alone: PagesAlone
) -> None:
    page = guarded(context)
    context.set_offline(True)
    scan(page, NUMBER)
    page.locator(".button--main").click()
    expect(page.locator(".bar__unsent")).to_be_visible()
    wait_ten_minutes(page)
    for left in range(7, 0, -1):
        tap(page, "135790")
        expect(page.locator(".lock [role=alert]")).to_have_text(
            COUNTED["tries_left"][0 if left == 1 else 1] % {"num": left}
        )
        assert len(page.evaluate(STORED)["rows"]["queue"]) == 1
    tap(page, "135790")
    expect(page.locator(".verdict")).to_contain_text(PROBLEMS["pins_wrong"])
    expect(page.locator(".banner")).not_to_contain_text(TEXTS["no_list"])  # as the verdict says
    expect(page.locator(".verdict__why")).to_be_in_viewport(ratio=1)
    rows = page.evaluate(STORED)["rows"]
    assert (rows["manifest"], len(rows["queue"]), "guardedHalf" in rows["settings"]) == ([], 1, False)
    expect(page.locator(".bar__unsent")).to_be_visible()


def test_scans_are_sent_while_the_app_is_locked(context: BrowserContext, alone: PagesAlone) -> None:
    asked: list[Any] = []
    page = guarded(context)
    context.set_offline(True)
    scan(page, NUMBER)
    page.locator(".button--main").click()
    expect(page.locator(".bar__unsent")).to_be_visible()
    wait_ten_minutes(page)
    expect(page.locator(".lock")).to_contain_text("1 not sent")
    page.on("request", lambda one: asked.append((one.url, one.post_data)))
    context.set_offline(False)

    def is_sent() -> bool:
        page.clock.fast_forward("00:10")  # a round that fails at this moment pauses after it
        return any(url.endswith("/scans/sync") for url, _ in asked)

    eventually(is_sent, "the scan is sent")
    assert not [url for url, _ in asked if "/gate/manifest" in url]
    expect(page.locator(".lock h1")).to_have_text(TEXTS["locked"])


def test_the_names_are_deleted_after_hours_without_the_server_and_the_guard_is_told(
    context: BrowserContext,
) -> None:
    page = guarded(context)
    context.set_offline(True)
    page.clock.fast_forward("06:01:00")
    expect(page.locator(".lock")).to_be_visible()
    eventually(lambda: "people" not in page.evaluate(STORED)["rows"]["manifest"], "the names are deleted")
    tap(page, PIN)
    expect(page.locator(".banner")).to_contain_text(TEXTS["names_deleted"] % {"age": "6 hours"})
    page.locator("label[for=direction-exit]").click()
    scan(page, NUMBER)
    expect(page.locator(".verdict")).to_contain_text(WORDS["en"]["verdicts"]["exit"])
    assert "Gurpreet" not in page.locator("body").inner_text()


def test_another_guard_can_sign_in_from_the_locked_app(context: BrowserContext) -> None:
    page = guarded(context)
    wait_ten_minutes(page)
    page.get_by_role("button", name=TEXTS["other_guard"]).click()
    page.wait_for_url("**/staff/sign-in")


@pytest.mark.parametrize(
    "size", [PHONE, TABLET, PHONE_ON_ITS_SIDE], ids=["phone", "tablet", "phone on its side"]
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_lock_has_large_keys_and_no_barriers(
    context: BrowserContext, tmp_path: Path, language: str, size: dict[str, int]
) -> None:
    page = opened(context, language)
    page.set_viewport_size({"width": size["width"], "height": size["height"]})
    found = {"new": barriers(page)}
    page.screenshot(path=tmp_path / "new.png")
    tap(page, "1234")
    page.locator(".lock__key--done").click()
    expect(page.locator("[role=alert]")).to_have_text(WORDS[language]["problems"]["pin_too_easy"])
    choose(page)
    wait_ten_minutes(page)
    expect(page.locator(".lock h1")).to_have_text(WORDS[language]["texts"]["locked"])
    tap(page, "482")
    found["locked"] = barriers(page)
    page.screenshot(path=tmp_path / "locked.png")
    for key in page.locator(".lock__key").all():
        box = key.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 64
        assert box["y"] + box["height"] <= size["height"], "without scrolling"
    assert {state: wrong for state, wrong in found.items() if wrong} == {}


def test_beside_a_locked_app_no_other_address_of_the_gate_shows_anybody(
    context: BrowserContext, alone: PagesAlone
) -> None:
    page = guarded(context)
    page.locator(".bar__menu").click()
    expect(page.get_by_role("link", name=TEXTS["plain_page"])).to_have_count(0)
    thief = context.new_page()
    for path in ("/en/gate", "/en/gate/inside", "/en/watchlist"):
        thief.goto(path)
        assert thief.url == f"{alone.url}/gate"
    for path in ("inside?site=PCS1", "manifest?gate=PCS1-G1"):
        answer = thief.goto(f"/api/v1/gate/{path}")
        assert answer is not None
        assert answer.status == 403
        assert "Gurpreet" not in answer.text()
