"""Who helps a guard: a supervisor with a PIN, with and without a network, and the reception."""

from collections.abc import Callable, Iterator

import pyotp
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from contracts.rpc.accounts.logins import IssueLogin
from epass_client import calls
from services.gateway.access.cookie_names import session_cookie
from services.gateway.pages.gate_app.texts import texts_of_app
from tests.e2e.gate_app import open_app, scan
from tests.e2e.people import Staff, press, translated
from tests.e2e.viewports import DESK
from tests.support.stack.running import eventually
from tests.support.system.actors import Applicant, Department, Officer, issued
from tests.support.system.actors import Staff as Caller
from tests.support.system.system import System

WORDS = texts_of_app()["hi"]
PIN, PASSWORD = "481516", "a supervisor of the tests"
TABLET = {"width": 1280, "height": 800}


@pytest.fixture
def tokens(system: System, officer: Officer) -> tuple[str, str]:
    """Return the tokens of two passes, which the gate knows."""
    visitor, department = Applicant(system), Department(system)
    numbers = [issued(visitor, department, known_to=officer)[1].number for _ in range(2)]
    return visitor.token(numbers[0]), visitor.token(numbers[1])


@pytest.fixture(scope="module")
def login(system: System) -> dict[str, str]:
    """Return a security login of the site, of no gate, whose password is chosen."""
    ado = Caller(system, "ado")
    wanted = IssueLogin(role="security", name="Harjit Singh", site="PCS1")
    given = ado.send(calls.issue_login(wanted))
    with system.client().sign_in(given.login_id, given.initial_password) as client:
        client.send(calls.change_password(given.initial_password, PASSWORD))
    return {"login_id": given.login_id, "password": PASSWORD}


@pytest.fixture
def gate(chromium: Browser, system: System, officer: Officer) -> Iterator[BrowserContext]:
    one = chromium.new_context(base_url=system.url, viewport=TABLET, timezone_id="Asia/Kolkata")
    one.add_cookies([{"name": session_cookie(system.url), "value": officer.client.token, "url": system.url}])
    yield one
    one.close()


@pytest.fixture
def branch(open_browser: Callable[..., Page], system: System) -> Page:
    """Return the browser of a login of the ADO Branch that has just set up an authenticator app."""
    given = Caller(system, "ado").send(calls.issue_login(IssueLogin(role="ado", name="Asha Rani")))
    with system.client() as client:
        first = client.sign_in(given.login_id, given.initial_password)
        first.send(calls.change_password(given.initial_password, PASSWORD))
        second = client.sign_in(given.login_id, PASSWORD)
        sign_in = second.send(calls.start_enrolment(password=PASSWORD)).sign_in
        app = pyotp.TOTP(second.send(calls.show_enrolment(sign_in)).secret)
        token = second.send(calls.enrol_factor(sign_in, app.now())).session.access_token
    page = open_browser(DESK)
    page.context.add_cookies([{"name": session_cookie(system.url), "value": token, "url": system.url}])
    return page


def show_a_wrong_card(page: Page, token: str) -> None:
    """Scan a pass and type four characters that are not of its card, which the gate then asks again."""
    scan(page, token)
    page.locator(".card__more summary").first.click()
    page.fill("#last-four", "0000")
    page.locator("details[open] button[type=submit]").first.click()
    expect(page.locator(".verdict h1")).to_have_text(WORDS["verdicts"]["id_mismatch"])


def accept_another_card(page: Page, pin: str) -> None:
    other = page.locator("details", has=page.locator("#other-reason"))
    if not page.locator("#other-reason").is_visible():
        other.locator("summary").click()
    page.fill("#other-reason", "forgotten at home")
    page.fill("#supervisor-pin", pin)
    page.fill("#supervisor-reason", "known to me")
    other.locator("button[type=submit]").click()


def test_a_supervisor_lets_in_by_their_pin_with_and_without_a_network_and_both_are_found(
    open_browser: Callable[..., Page],
    system: System,
    branch: Page,
    gate: BrowserContext,
    login: dict[str, str],
    tokens: tuple[str, str],
) -> None:
    branch.goto("/en/desk/supervisors")
    branch.select_option("#login_id", login["login_id"])
    press(branch, translated("Name a supervisor", "en"))
    expect(branch.locator("main")).to_contain_text(login["login_id"])
    branch.locator("form[action$='/sites/PCS1/demand'] button").click()
    expect(branch.locator("form[action$='/sites/PCS1/lift'] button")).to_be_visible()

    head = Staff(open_browser(DESK), system, "security", login=login)
    head.open("/gate/pin")
    head.page.fill("#pin", PIN)
    head.page.fill("#again", PIN)
    press(head.page)
    expect(head.page.locator("[role=status]")).to_be_visible()

    page = open_app(gate)
    show_a_wrong_card(page, tokens[0])
    accept_another_card(page, "000000")
    expect(page.locator(".verdict__problem")).to_have_text(WORDS["problems"]["wrong_pin"])
    accept_another_card(page, PIN)
    expect(page.locator(".verdict--good h1")).to_have_text(WORDS["verdicts"]["admit"])

    gate.set_offline(True)
    show_a_wrong_card(page, tokens[1])
    accept_another_card(page, "000000")
    expect(page.locator(".verdict__problem")).to_have_text(WORDS["problems"]["wrong_pin"])
    accept_another_card(page, PIN)
    expect(page.locator(".verdict--good h1")).to_have_text(WORDS["verdicts"]["admit"])
    gate.set_offline(False)
    expect(page.locator(".bar__unsent")).to_have_count(0, timeout=40_000)

    agreed = translated("A supervisor let somebody in", "en")

    def both_are_found() -> bool:
        head.open("/gate/incidents?kind=override")
        return head.page.locator("tbody tr", has_text=agreed).count() == 2

    eventually(both_are_found, "both overrides are found, and proven", 30)
    seen = translated("I have seen it", "en")
    expect(head.page.get_by_role("button", name=seen)).to_have_count(0)  # they took part
    ops = Staff(open_browser(DESK), system, "ops")
    ops.open("/ops/gate-incidents?kind=override")
    ops.page.get_by_role("button", name=seen).first.click()
    expect(ops.page.locator("tbody tr", has_text="OPS-0001, ").first).to_be_visible()


def test_the_reception_rings_and_the_gate_sees_who_comes(
    open_browser: Callable[..., Page], system: System, gate: BrowserContext
) -> None:
    reception = Staff(open_browser(DESK), system, "reception")
    reception.open("/counter")
    usual = reception.page.title()
    page = open_app(gate)
    page.locator(".bar__help").click()
    page.get_by_role("button", name=WORDS["helpReasons"]["visitor"]).click()
    call = reception.page.locator("#calls [data-rings]")
    expect(call).to_be_visible()
    expect(call).to_contain_text(translated("A visitor needs help", "en"))
    expect(reception.page).not_to_have_title(usual)
    expect(page.locator(".banner")).not_to_be_empty()
    press_answer = reception.page.get_by_role("button", name=translated("I am coming", "en"))
    press_answer.click()
    comes = WORDS["texts"]["help_comes"] % {"login": "REC-0001"}
    expect(page.locator(".banner")).to_contain_text(comes)
    expect(reception.page.locator("#calls [data-rings]")).to_have_count(0)
    expect(reception.page).to_have_title(usual)


def test_without_a_network_the_gate_says_whom_to_telephone(gate: BrowserContext) -> None:
    page = open_app(gate)
    gate.set_offline(True)
    scan(page, "7K3M9QW3")
    expect(page.locator(".banner")).not_to_be_empty()
    page.locator(".bar__help").click()
    expect(page.locator("dialog")).to_contain_text(WORDS["problems"]["help_offline"])
    expect(page.locator("dialog a[href^='tel:']")).not_to_have_count(0)
    gate.set_offline(False)
