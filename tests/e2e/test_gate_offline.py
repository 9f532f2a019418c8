"""The gate's app when the network is gone: the same verdicts, a banner, and nothing lost when it is back."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any

import jwt
import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Locator, Page, Response, Route, expect

from contracts.rpc.verify.presence import InsideList
from contracts.tokens import STATUS_DELTA_TYP, STATUS_TYP
from epass_client import calls
from services.chassis.runtime.clock import now
from services.gateway.access.cookie_names import session_cookie
from services.gateway.pages.gate_app.texts import texts_of_app
from tests.e2e.gate_app import open_app, scan
from tests.e2e.viewports import PHONE
from tests.support.chaos.evidence import database
from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, Applicant, Department, Officer, issued
from tests.support.system.system import System

WORDS = texts_of_app()["hi"]
NO_NETWORK = WORDS["texts"]["offline"].partition("%(at)s")[2][:12]
"""What the banner says then; it may also say who comes to help."""
STORED = """async () => {
  const found = [];
  for (const name of await caches.keys()) {
    for (const request of await (await caches.open(name)).keys()) found.push(new URL(request.url).pathname);
  }
  return found;
}"""
"""Lists what the service worker has stored."""


@pytest.fixture
def token(system: System, officer: Officer) -> str:
    """Return the token of a pass for two, which the gate knows."""
    visitor = Applicant(system)
    _, shown = issued(visitor, Department(system), known_to=officer)
    return visitor.token(shown.number)


@pytest.fixture
def context(chromium: Browser, system: System, officer: Officer) -> Iterator[BrowserContext]:
    one = chromium.new_context(base_url=system.url, viewport=PHONE, timezone_id="Asia/Kolkata")
    one.add_cookies([{"name": session_cookie(system.url), "value": officer.client.token, "url": system.url}])
    yield one
    one.close()


def what_is_shown(page: Page) -> list[str]:
    """Return what a guard reads of a verdict, but for the time of the scan."""
    expect(page.locator(".verdict")).to_be_visible()
    lines = page.locator(".verdict h1, .verdict__name, .verdict__card, .verdict__why, .people, .button--main")
    return lines.all_inner_texts()


def inside(officer: Officer) -> InsideList:
    return officer.send(calls.list_inside("PCS1"))


def persons_inside(officer: Officer, name: str = "Gurpreet Kaur") -> int:
    return sum(one.inside for one in inside(officer).items if one.name_latin == name)


def cut_by_switch(context: BrowserContext, _system: System) -> Callable[[], None]:
    context.set_offline(True)
    return lambda: context.set_offline(False)


def cut_by_killing_the_gateway(_context: BrowserContext, system: System) -> Callable[[], None]:
    gateway = system.processes["gateway"]
    gateway.kill()
    return lambda: gateway.start() and None


@pytest.mark.parametrize("cut", [cut_by_switch, cut_by_killing_the_gateway])
def test_without_a_network_the_verdict_is_the_same_and_the_entry_is_sent_when_it_is_back(
    context: BrowserContext,
    system: System,
    officer: Officer,
    department: Department,
    token: str,
    cut: Callable[[BrowserContext, System], Callable[[], None]],
) -> None:
    page = open_app(context)
    scan(page, token)
    online = what_is_shown(page)
    before = persons_inside(officer)
    mend = cut(context, system)
    try:
        scan(page, "7")  # something else in between, so that the next verdict is a new one
        expect(page.locator(".verdict--amber")).to_be_visible()
        before_entry = now()
        scan(page, token)
        expect(page.locator(".verdict--ask")).to_be_visible()
        assert what_is_shown(page) == online
        expect(page.locator(".banner")).to_contain_text(NO_NETWORK)
        page.locator(".button--main").click()
        expect(page.locator(".verdict--good h1")).to_have_text(WORDS["verdicts"]["admit"])
        expect(page.locator(".bar__unsent")).to_be_visible()
        expect(page.locator(".verdict--good")).to_contain_text(WORDS["texts"]["kept_here"])
        after_entry = now()
    finally:
        mend()
    expect(page.locator(".dot--on")).to_be_visible(timeout=40_000)
    expect(page.locator(".bar__unsent")).to_have_count(0, timeout=40_000)
    expect(page.locator(".banner")).not_to_contain_text(NO_NETWORK)
    eventually(lambda: persons_inside(officer) == before + 2, "the entry is recorded", 30)

    def arrivals() -> list[datetime]:
        here = department.send(calls.list_visits(part="here", limit=200)).items
        came = [one.arrived_at for one in here if one.arrived_at is not None]
        return [at for at in came if before_entry <= at <= after_entry]

    assert len(eventually(arrivals, "the desk knows when they came, not when it was sent", 30)) == 1


def test_the_app_opens_without_a_network_with_its_list_and_scans(context: BrowserContext, token: str) -> None:
    page = open_app(context)
    page.close()
    context.set_offline(True)
    page = context.new_page()
    page.goto("/gate")
    expect(page.locator(".bar__gate")).to_contain_text(WORDS["gate"] % {"number": 1})
    scan(page, token)
    expect(page.locator(".verdict--ask .verdict__name")).to_have_text("Gurpreet Kaur")
    context.set_offline(False)


def open_evacuation(page: Page) -> Locator:
    """Open the list for an evacuation, and return the box of the visitor of the tests."""
    page.locator(".bar__menu").click()
    page.get_by_role("button", name=WORDS["texts"]["evacuation"]).click()
    expect(page.locator(".list h1")).to_have_text(WORDS["texts"]["evacuation"])
    return page.locator(".list tr", has_text="Gurpreet Kaur").first.get_by_role("checkbox")


def test_without_a_network_whoever_was_let_in_is_on_the_evacuation_list_and_stays_ticked(
    context: BrowserContext, token: str
) -> None:
    page = open_app(context)
    context.set_offline(True)
    scan(page, token)
    page.locator(".button--main").click()
    expect(page.locator(".facts")).to_contain_text(WORDS["texts"]["kept_here"])
    open_evacuation(page).check()
    page.get_by_role("button", name=WORDS["texts"]["back_to_scan"]).click()
    expect(open_evacuation(page)).to_be_checked()
    page.close()
    page = context.new_page()
    page.goto("/gate")
    expect(open_evacuation(page)).to_be_checked()
    context.set_offline(False)


def test_without_a_network_the_app_asks_before_a_guard_signs_out(context: BrowserContext, token: str) -> None:
    page = open_app(context)
    context.set_offline(True)
    scan(page, token)
    page.locator(".bar__menu").click()
    page.get_by_role("button", name=WORDS["texts"]["sign_out"], exact=True).click()
    expect(page.locator("dialog")).to_contain_text(WORDS["problems"]["sign_out_offline"])
    page.get_by_role("button", name=WORDS["texts"]["stay_signed_in"]).click()
    scan(page, token)
    expect(page.locator(".verdict--ask .verdict__name")).to_have_text("Gurpreet Kaur")
    context.set_offline(False)


def test_the_browser_stores_the_app_alone_and_no_answer_of_the_interface(
    context: BrowserContext, token: str
) -> None:
    page = open_app(context)
    page.reload()
    scan(page, token)
    expect(page.locator(".verdict--ask")).to_be_visible()
    stored = page.evaluate(STORED)
    assert "/gate" in stored
    assert [path for path in stored if not path.startswith(("/gate", "/static/"))] == []


LEDGER = """select nonce::text, direction, verdict, count from scans
where gate = 'PCS1-G1' and pass_number = any(%s) order by scanned_at"""
"""What the server has of some passes, in the order in which it happened."""
WAITING = """async () => {
  const open = indexedDB.open("epass-gate");
  const found = await new Promise((resolve) => { open.onsuccess = () => resolve(open.result); });
  const asked = found.transaction("queue").objectStore("queue").getAll();
  const scans = await new Promise((resolve) => { asked.onsuccess = () => resolve(asked.result); });
  found.close();
  return scans.map((one) => one.nonce);
}"""
"""Lists the nonces of the scans that are stored on the device, in their order."""


def crash(page: Page) -> None:
    """End the process of a page, as a system does that wants its memory."""
    with page.expect_event("crash"), suppress(Error):  # nothing is left that could answer
        page.goto("chrome://crash")


@pytest.mark.parametrize("is_recorded", [False, True], ids=["the server lacks them", "the server has them"])
def test_a_tab_killed_while_scans_are_sent_loses_none_and_doubles_none(
    context: BrowserContext, system: System, officer: Officer, is_recorded: bool
) -> None:
    """The request is on its way, or the server has recorded all of it and its answer is on its way."""
    visitors = [Applicant(system), Applicant(system)]
    passes = [issued(one, Department(system), known_to=officer)[1].number for one in visitors]
    tokens = [one.token(number) for one, number in zip(visitors, passes, strict=True)]
    page = open_app(context)
    context.set_offline(True)
    for token in tokens:
        scan(page, token)
        page.locator(".verdict--ask .button--main").click()
        expect(page.locator(".verdict--good")).to_contain_text(WORDS["texts"]["kept_here"])
    nonces = page.evaluate(WAITING)
    assert len(nonces) == len(tokens)
    held: list[Route] = []

    def hold(route: Route) -> None:
        """Give the request to the server, if it is to have it, and the page no answer."""
        if is_recorded:
            assert route.fetch().ok
        held.append(route)

    page.route("**/api/v1/scans/sync", hold)
    context.set_offline(False)
    eventually(lambda: page.locator(".bar").is_visible() and held, "the scans are on their way", 40)
    entries = [(nonce, "entry", "admit", 2) for nonce in nonces]
    assert recorded(system, passes) == (entries if is_recorded else [])
    crash(page)

    page = context.new_page()
    page.set_default_timeout(20_000)
    page.goto("/gate")
    expect(page.locator(".dot--on")).to_be_visible()
    expect(page.locator(".bar__unsent")).to_have_count(0, timeout=40_000)
    assert page.evaluate(WAITING) == []
    assert recorded(system, passes) == entries


def recorded(system: System, passes: list[str]) -> list[tuple[Any, ...]]:
    """Return what the ledger of the server has of passes."""
    with database(system.stack, "verify") as connection:
        return connection.execute(LEDGER, (passes,)).fetchall()


def test_what_another_gate_has_recorded_is_known_when_the_network_goes(
    context: BrowserContext, officer: Officer, token: str
) -> None:
    page = open_app(context)
    assert officer.scan(token=token, id_check=MATCHED).verdict == "admit"

    def shown_without_a_network() -> str:
        context.set_offline(True)
        scan(page, token)
        expect(page.locator(".banner")).to_contain_text(NO_NETWORK)
        shown = page.locator(".verdict h1").inner_text()
        context.set_offline(False)
        expect(page.locator(".banner")).not_to_contain_text(NO_NETWORK, timeout=20_000)
        return shown

    inside_already = WORDS["verdicts"]["already_inside"]
    eventually(lambda: shown_without_a_network() == inside_already, "the gate has heard of it", 60)


def claims_of(jws: str) -> tuple[str, dict[str, Any]]:
    """Return the kind and the claims of a signed list or delta."""
    return jwt.get_unverified_header(jws)["typ"], jwt.decode(jws, options={"verify_signature": False})


def test_a_revocation_reaches_the_list_of_the_app_as_a_small_delta(
    context: BrowserContext, system: System, officer: Officer
) -> None:
    visitor = Applicant(system)
    reference, shown = issued(visitor, Department(system), known_to=officer)
    token = visitor.token(shown.number)
    answers: list[Response] = []
    manifests: list[Response] = []
    context.on("response", lambda one: answers.append(one) if "/pass-status" in one.url else None)
    context.on("response", lambda one: manifests.append(one) if "manifest?" in one.url else None)
    page = open_app(context)
    eventually(lambda: page.locator(".bar__age").is_visible() and answers, "the first answer", 30)
    visitor.send(calls.cancel_application(reference))

    def lists() -> list[tuple[str, dict[str, Any]]]:
        page.locator(".bar__age").is_visible()  # the browser tells of its answers meanwhile
        return [claims_of(one.text()) for one in answers if one.status == 200]

    def found() -> list[str]:
        return [kind for kind, claims in lists() if shown.number in claims["revoked"]]

    assert set(eventually(found, "the gate's list has the pass", 30)) == {STATUS_DELTA_TYP}
    assert STATUS_TYP not in {kind for kind, _ in lists()}, "no whole list after that of the manifest"
    whole, *later = [one.json()["base"] is None for one in manifests]
    assert (whole, set(later)) == (True, {False}), "after the first one only what has changed"
    context.set_offline(True)
    scan(page, token)
    expect(page.locator(".banner")).to_contain_text(NO_NETWORK)
    expect(page.locator(".verdict h1")).to_have_text(WORDS["verdicts"]["revoked"])
    context.set_offline(False)


HELD = """async () => {
  const answer = (asked) => new Promise((resolve) => { asked.onsuccess = () => resolve(asked.result); });
  const opened = await answer(indexedDB.open("epass-gate"));
  const names = [...opened.objectStoreNames];
  const stores = opened.transaction(names);
  const read = (one) => Promise.all([answer(one.getAllKeys()), answer(one.getAll())]);
  const asked = Promise.all(names.map((name) => read(stores.objectStore(name))));
  const key = await answer(stores.objectStore("keys").get("visitors"));
  const rows = await asked;
  const found = [];
  for (const [at, store] of names.entries()) {
    for (const [row, value] of rows[at][1].entries()) {
      const name = rows[at][0][row];
      const what = { manifest: name === "whole" ? "manifest" : name, moves: `move:${name}` }[store];
      if (what === undefined) { found.push(JSON.stringify(value)); continue; }
      const how = { name: "AES-GCM", iv: value.iv, additionalData: new TextEncoder().encode(what) };
      found.push(new TextDecoder().decode(await crypto.subtle.decrypt(how, key, value.data)));
    }
  }
  opened.close();
  return found.join("\\n");
}"""
"""Reads all that the app has stored, with what is sealed there opened by the key of the guard's session."""


def test_who_is_erased_while_a_gate_has_no_network_is_named_by_it_no_more_once_it_has_one(
    context: BrowserContext, system: System, officer: Officer
) -> None:
    """Until then the app decides by the pass as it knew it: nobody who is erased has a visit to come."""
    visitor, name = Applicant(system), "Qanarix Kaur"
    reference, shown = issued(
        visitor, Department(system), known_to=officer, applicant={"name": name, "name_latin": name}
    )
    token = visitor.token(shown.number)
    page = open_app(context)
    eventually(lambda: name in page.evaluate(HELD), "the gate's store has them", 60)
    context.set_offline(True)
    long_ago = "update applications set last_matters_at = now() - interval '200 days' where reference = %s"
    with database(system.stack, "application") as connection:
        connection.execute(long_ago, (reference,))
    system.epass("application", "erase", reference)
    eventually(lambda: not known_to_verify(system, shown.number), "the server has erased them", 60)
    scan(page, token)
    expect(page.locator(".banner")).to_contain_text(NO_NETWORK)
    expect(page.locator(".verdict--ask .verdict__name")).to_have_text(name)
    assert name in page.evaluate(HELD)
    context.set_offline(False)
    eventually(lambda: name not in page.evaluate(HELD), "the gate's store has them no more", 60)
    scan(page, token)
    expect(page.locator("body")).not_to_contain_text(name, timeout=20_000)


def known_to_verify(system: System, number: str) -> bool:
    """Return whether the server's copy of a pass still names somebody."""
    with database(system.stack, "verify") as connection:
        (row,) = connection.execute("select to_jsonb(passes)::text from passes where number = %s", (number,))
    return "Qanarix" in row[0]
