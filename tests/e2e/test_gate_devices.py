"""A device of a gate in a real browser: enrolled by a code, revoked, and what it can still open then."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from contracts.errors import NotAuthenticated
from contracts.rpc.accounts.logins import IssueLogin
from contracts.rpc.accounts.sessions import StaffSession
from epass_client import calls
from services.chassis.runtime.clock import now
from services.gateway.access.cookie_names import session_cookie
from services.gateway.pages.gate_app.texts import texts_of_app
from tests.e2e import camera
from tests.e2e.gate_app import MANIFEST
from tests.e2e.navigation import barriers
from tests.e2e.viewports import PHONE
from tests.support.factories.gateway import NUMBER, gate_device
from tests.support.factories.pages import ADMIT
from tests.support.stack.running import eventually, free_port
from tests.support.system.actors import Applicant, Department, Officer, Staff, issued
from tests.support.system.pages_alone import PagesAlone
from tests.support.system.system import System

WORDS = texts_of_app()["hi"]
TEXTS, PROBLEMS = WORDS["texts"], WORDS["problems"]
WITHIN = 2.0
"""Seconds after which a revoked device gets nothing more."""
ROWS = """async (store) => {
  const db = await new Promise((resolve) => {
    const asked = indexedDB.open("epass-gate");
    asked.onsuccess = () => resolve(asked.result);
  });
  const all = (what) => new Promise((resolve) => {
    const asked = db.transaction(store).objectStore(store)[what]();
    asked.onsuccess = () => resolve(asked.result);
  });
  const [keys, values] = [await all("getAllKeys"), await all("getAll")];
  db.close();
  window.copied = keys.map((key, at) => [key, values[at]]);
  return keys;
}"""
"""Lists the keys of a store of the app, and copies its rows, as somebody does who has the disk."""
PUT_BACK = """async (store) => {
  const db = await new Promise((resolve) => {
    const asked = indexedDB.open("epass-gate");
    asked.onsuccess = () => resolve(asked.result);
  });
  const change = db.transaction(store, "readwrite");
  for (const [key, value] of window.copied) change.objectStore(store).put(value, key);
  await new Promise((resolve) => { change.oncomplete = resolve; });
  db.close();
}"""
CODE = "GAT-0001-k7fm-w3pa-xq9t"


@pytest.fixture(scope="module")
def url(system: System) -> Iterator[str]:
    """Yield the address of a gateway whose gates need enrolled devices."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    gateway = system.process(
        "gateway", "-devices", EPASS_GATE_DEVICES="required", EPASS_GATEWAY_PORT=str(port),
        EPASS_PUBLIC_URL=address,
    )  # fmt: skip
    gateway.start()
    yield address
    gateway.kill()


@pytest.fixture
def context(chromium: Browser, url: str, system: System) -> Iterator[BrowserContext]:
    """Yield the browser of a guard who has just signed in."""
    officer = Officer(system)
    one = chromium.new_context(base_url=url, viewport=PHONE, timezone_id="Asia/Kolkata")
    one.add_cookies([{"name": session_cookie(url), "value": officer.client.token, "url": url}])
    yield one
    one.close()


def type_code(page: Page, code: str) -> None:
    page.locator("#enrolment-code").fill(code)
    page.locator(".verdict .button--main").click()


def test_a_device_is_enrolled_once_and_a_revoked_one_gets_nothing_and_opens_nothing(
    context: BrowserContext, system: System
) -> None:
    officer, ado = Officer(system), Staff(system, "ado")
    _, shown = issued(Applicant(system), Department(system), known_to=officer)
    wanted = IssueLogin(role="gate_device", name="North tablet", site="PCS1", gate="PCS1-G1")
    device = ado.send(calls.issue_login(wanted))
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto("/gate")
    expect(page.locator(".verdict")).to_contain_text(TEXTS["device_missing"])
    type_code(page, f"{device.login_id}-wrong")
    expect(page.get_by_role("alert")).to_have_text(PROBLEMS["code_wrong"])
    type_code(page, f"{device.login_id}-{device.initial_password}")
    expect(page.locator(".bar__age")).not_to_have_text(TEXTS["list_none"])
    (cookie,) = [one for one in context.cookies() if one["name"] == "gate_device"]
    assert cookie["httpOnly"]
    page.evaluate("navigator.serviceWorker.ready.then(() => undefined)")
    assert set(page.evaluate(ROWS, "keys")) >= {"device", "visitors"}
    assert "whole" in page.evaluate(ROWS, "manifest"), "the list of revoked passes may be stored by then"

    ado.send(calls.disable_login(device.login_id))
    for path in ("/api/v1/gate/manifest?gate=PCS1-G1", "/api/v1/gate/session"):
        eventually(
            lambda path=path: context.request.get(path).status == 403, "the device gets nothing", WITHIN
        )
    expect(page.locator(".verdict")).to_contain_text(TEXTS["device_revoked"], timeout=20_000)
    page.evaluate(PUT_BACK, "manifest")
    assert "whole" in page.evaluate(ROWS, "manifest")
    assert "visitors" not in page.evaluate(ROWS, "keys")
    page.close()
    context.set_offline(True)
    page = context.new_page()
    page.goto("/gate")
    expect(page.locator(".bar__age")).to_have_text(TEXTS["list_none"])
    page.keyboard.type(shown.number)
    page.keyboard.press("Enter")
    expect(page.locator("#enrolment-code")).to_be_visible()
    expect(page.locator(".verdict:not(.verdict--enrols)")).to_have_count(0)
    assert "Gurpreet" not in page.locator("body").inner_text()
    context.set_offline(False)


def test_the_camera_reads_the_code_of_a_device(chromium: Browser, tmp_path: Path) -> None:
    enrolled = StaffSession(
        access_token=gate_device(), role="gate_device", login_id="GAT-0001", site="PCS1", gate="PCS1-G1",
        expires_at=now() + timedelta(days=365),
    )  # fmt: skip
    asked: list[Any] = []

    def enrol(request: Any) -> StaffSession:
        asked.append(request)
        if request.password != "k7fm-w3pa-xq9t":
            raise NotAuthenticated(code="wrong_login")
        return enrolled

    video = camera.write_video(tmp_path / "code.y4m", [(camera.held_up(CODE), 5)])
    flags = [*camera.FLAGS, f"--use-file-for-fake-video-capture={video}"]
    browser = chromium.browser_type.launch(executable_path=camera.chromium_path(), args=flags)
    with PagesAlone() as alone:
        alone.answers["verify.manifest"] = MANIFEST
        alone.answers["accounts.enrol_gate_device"] = enrol
        context = browser.new_context(base_url=alone.url, viewport=PHONE)
        alone.sign_in(context, "security")
        context.clear_cookies(name="gate_device")
        page = context.new_page()
        page.goto("/gate")
        expect(page.locator(".bar__gate")).to_have_text(WORDS["gate"] % {"number": 1}, timeout=20_000)
        expect(page.locator("#enrolment-code")).to_have_count(0)
        assert [one.login_id for one in asked] == ["GAT-0001"]
        context.close()
    browser.close()


@pytest.mark.parametrize("why", ["device_missing", "device_revoked", "device_of_other_gate"])
def test_the_question_for_the_code_has_no_barriers(chromium: Browser, why: str) -> None:
    devices: dict[str, Callable[[], str | None]] = {
        "device_missing": lambda: None,
        "device_revoked": lambda: "forged",
        "device_of_other_gate": lambda: gate_device("PCS1-G2"),
    }
    with PagesAlone() as alone:
        for language, size in (("hi", PHONE), ("pa", {"width": 740, "height": 360}), ("en", PHONE)):
            context = chromium.new_context(base_url=alone.url, viewport=size)
            alone.sign_in(context, "security")
            context.clear_cookies(name="gate_device")
            if (token := devices[why]()) is not None:
                context.add_cookies([{"name": "gate_device", "value": token, "url": alone.url}])
            context.add_init_script(f"localStorage['gate.language'] ??= '{language}'")
            page = context.new_page()
            page.goto("/gate")
            expect(page.locator("#enrolment-code")).to_be_visible()
            texts = texts_of_app()[language]["texts"]
            expect(page.locator(".verdict")).to_contain_text(texts[why])
            expect(page.get_by_role("link", name=texts["sign_in"])).to_be_visible()
            assert barriers(page) == [], (language, size)
            context.close()


def test_an_enrolled_gate_takes_a_code_as_no_code_and_clears_names_when_it_is_revoked(
    chromium: Browser,
) -> None:
    with PagesAlone() as alone:
        alone.answers["verify.manifest"] = MANIFEST
        alone.answers["verify.scan"] = ADMIT.model_copy(update={"preview": True})
        context = chromium.new_context(base_url=alone.url, viewport=PHONE)
        alone.sign_in(context, "security")
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda one: asked.append(one.url))
        page.goto("/gate")
        expect(page.locator(".bar__gate")).to_have_text(WORDS["gate"] % {"number": 1}, timeout=20_000)
        page.keyboard.type("GAT-1234-x")
        page.keyboard.press("Enter")
        expect(page.locator("article.verdict")).to_be_visible()
        assert not any(one.endswith("/gate/device") for one in asked)
        page.keyboard.type(NUMBER)
        page.keyboard.press("Enter")
        expect(page.locator("article.verdict")).to_contain_text(ADMIT.applicant.name)
        page.locator(".bar__menu").click()
        page.get_by_role("button", name=TEXTS["who_inside"]).click()
        expect(page.locator(".sheet")).to_contain_text("Gurpreet Kaur")

        context.add_cookies([{"name": "gate_device", "value": "forged", "url": alone.url}])
        page.evaluate("window.dispatchEvent(new Event('online'))")
        expect(page.locator("#enrolment-code")).to_be_visible()
        assert "Gurpreet" not in page.locator("body").inner_text()
        context.close()


def test_the_question_for_the_code_goes_once_the_device_is_enrolled_although_the_network_goes_then(
    chromium: Browser,
) -> None:
    enrolled = StaffSession(
        access_token=gate_device(), role="gate_device", login_id="GAT-0001", site="PCS1", gate="PCS1-G1",
        expires_at=now() + timedelta(days=365),
    )  # fmt: skip
    with PagesAlone() as alone:
        alone.answers["accounts.enrol_gate_device"] = enrolled
        context = chromium.new_context(base_url=alone.url, viewport=PHONE)
        alone.sign_in(context, "security")
        context.clear_cookies(name="gate_device")
        page = context.new_page()
        page.goto("/gate")
        expect(page.locator("#enrolment-code")).to_be_visible()
        page.route("**/api/v1/gate/session", lambda route: route.abort())
        type_code(page, CODE)
        expect(page.locator("#enrolment-code")).to_have_count(0)
        expect(page.locator(".dot--off")).to_be_visible()
        context.close()


def test_an_exit_is_decided_also_on_a_device_that_is_not_enrolled(chromium: Browser) -> None:
    with PagesAlone() as alone:
        alone.answers["verify.manifest"] = MANIFEST
        context = chromium.new_context(base_url=alone.url, viewport=PHONE)
        alone.sign_in(context, "security")
        page = context.new_page()
        page.goto("/gate")
        expect(page.locator(".bar__gate")).to_have_text(WORDS["gate"] % {"number": 1}, timeout=20_000)
        context.add_cookies([{"name": "gate_device", "value": "forged", "url": alone.url}])
        page.evaluate("window.dispatchEvent(new Event('online'))")
        expect(page.locator("#enrolment-code")).to_be_visible()
        page.locator("label[for=direction-exit]").click()
        page.fill("#number", NUMBER)
        page.keyboard.press("Enter")
        expect(page.locator(".verdict:not(.verdict--enrols)")).to_be_visible()
        context.close()
