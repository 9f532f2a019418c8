"""What holds on every page: a quiet console, a footer, a navigation, a way on, and a sheet of paper."""

import re
from collections.abc import Iterator

import pytest
from fastapi.routing import APIRoute
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from contracts.rpc.accounts.sessions import StaffSession
from services.chassis.runtime.clock import now
from services.gateway import pages
from services.gateway.access.callers import access_of
from services.gateway.pages.shared.languages import texts
from tests.e2e.gate_app import MANIFEST
from tests.e2e.own_data_states import of_own_data
from tests.e2e.privacy_states import person
from tests.e2e.request_states import requests
from tests.e2e.viewports import DESK, PHONE
from tests.support.factories.gateway import NUMBER, REFERENCE, claims, signed
from tests.support.factories.pages import REVIEW_ID
from tests.support.factories.system_report import LETTER
from tests.support.system.pages_alone import PagesAlone

CODE = "aB3dE5fG7hJ9kL1mN2pQ4r"
SAMPLES = {
    "review_id": str(REVIEW_ID), "reference": REFERENCE, "number": NUMBER, "code": CODE,
    "login_id": "HOM-0001", "kind": "pass", "paper": "a6", "table": "holidays", "import_id": str(REVIEW_ID),
    "key": "PCS1/2099-01-26", "queue": "verify.PassIssued", "letter": LETTER.id,
    "site": "PCS1", "day": "2099-01-26",
}  # fmt: skip
NAMED = {"/about/": "help", "/apply/": "who", "/desk/reviews/": "approve", "/desk/logins/": "disable"}
HOMES = {
    "ops": ("/ops", "The system now", "The system"),
    "auditor": ("/audit", "Decisions and scans", "Decisions and scans"),
}
"""Where a role begins: the address, the title, and the entry of the navigation."""
NO_PAGES = ("/changes", ".csv", ".ics", ".js", ".json", ".txt", ".xml", ".ico", ".webmanifest")
EITHER_WAY = pytest.mark.parametrize(
    ("language", "scripts", "size"), [("pa", True, PHONE), ("en", False, DESK)]
)


@pytest.fixture
def context(chromium: Browser, alone: PagesAlone) -> Iterator[BrowserContext]:
    one = chromium.new_context(base_url=alone.url, viewport=DESK, locale="en-IN")
    yield one
    one.close()
    alone.reset()


def addresses() -> Iterator[tuple[str | None, str]]:
    """Yield who may open a page, and its address, for every page that is reached by GET."""
    for router in pages.routers(local_mode=True):
        for route in router.routes:
            if isinstance(route, APIRoute) and "GET" in route.methods and not route.path.endswith(NO_PAGES):
                access = access_of(route)
                assert access is not None
                who = None if access.everybody else "applicant" if access.applicants else min(access.roles)
                yield who, address_of(route.path.replace("{language:lang}", "en"))


def address_of(path: str) -> str:
    last = next((value for start, value in NAMED.items() if path.startswith(f"/en{start}")), "")
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: SAMPLES.get(found[1], last), path)


class Console:
    """What a browser shows in red, but for the status of the page itself."""

    def __init__(self, page: Page) -> None:
        self.red: list[str] = []
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.red.append(f"{page.url}: {error}"))

    def _listen(self, message: ConsoleMessage) -> None:
        own = message.page is not None and message.location["url"] == message.page.url
        if message.type == "error" and not (own and "the server responded with a status of" in message.text):
            self.red.append(f"{message.location['url']}: {message.text}")


def test_no_page_shows_anything_red_in_the_console(context: BrowserContext, alone: PagesAlone) -> None:
    page = context.new_page()
    console = Console(page)
    opened = 0
    alone.answers.update({**person(), "verify.manifest": MANIFEST})
    for one in (*of_own_data(), *requests()):  # what no page has an answer to by itself
        alone.answers.update(one.answers if one.form is None and one.who == "applicant" else {})
    for who, address in addresses():
        page.goto("about:blank")  # else the open desk would ask for its changes in the next reader's name
        alone.sign_in(context, who)
        answer = page.goto(address, wait_until="load")
        assert answer is not None
        assert answer.status < 500, address
        opened += answer.status == 200
    assert console.red == []
    assert opened > 30


def test_control_a_missing_picture_and_a_refused_script_are_red(
    context: BrowserContext, alone: PagesAlone
) -> None:
    page = context.new_page()
    console = Console(page)
    page.goto("/en")
    page.evaluate(
        "new Promise(done => { const one = new Image(); one.onerror = done; one.src = '/static/none.png';"
        " document.body.append(one); })"
    )
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p style=\"color: red\">')")
    page.wait_for_timeout(100)
    assert any("none.png" in one for one in console.red), console.red
    assert any("Content Security Policy" in one for one in console.red), console.red


@EITHER_WAY
def test_the_footer_and_a_wrong_address_lead_on(
    chromium: Browser, alone: PagesAlone, language: str, scripts: bool, size: dict[str, int]
) -> None:
    context = chromium.new_context(
        base_url=alone.url,
        viewport=size,
        java_script_enabled=scripts,
        locale="en-IN",  # type: ignore[arg-type]  # a size
    )
    page, say = context.new_page(), texts(language).gettext  # type: ignore[arg-type]  # one of the three
    page.goto(f"/{language}/nothing/here")
    expect(page.locator("h1")).to_have_text(say("There is no such page"))
    page.locator("main").get_by_role("link", name=say("The first page")).click()
    expect(page).to_have_url(f"{alone.url}/{language}")
    page.locator("footer").get_by_role("link", name=say("Privacy"), exact=True).click()
    expect(page.locator("h1")).to_have_text(say("Privacy"))
    page.locator("footer a[href$='/transparency']").click()
    expect(page.locator("h1")).to_have_text(say("How fast departments decide and meet visitors"))
    page.go_back()
    other = "en" if language == "pa" else "pa"
    page.locator(f"a[hreflang={other}]").click()
    expect(page).to_have_url(f"{alone.url}/{other}/about/privacy")
    page.goto(f"/{language}/sign-out")
    expect(page.locator("h1")).to_have_text(say("This page cannot be opened by itself"))
    context.close()


@EITHER_WAY
@pytest.mark.parametrize("role", ["ops", "auditor"])
def test_operations_and_auditors_sign_in_to_their_tasks_and_out_again(
    chromium: Browser, alone: PagesAlone, language: str, scripts: bool, size: dict[str, int], role: str
) -> None:
    token = signed(claims(sub="X-0001", role=role, department=None))
    alone.answers["accounts.log_in"] = StaffSession(
        access_token=token, role=role, login_id="X-0001", expires_at=now().replace(year=now().year + 1)
    )
    context = chromium.new_context(
        base_url=alone.url,
        viewport=size,
        java_script_enabled=scripts,
        locale="en-IN",  # type: ignore[arg-type]  # a size
    )
    page, say = context.new_page(), texts(language).gettext  # type: ignore[arg-type]  # one of the three
    page.goto(f"/{language}/staff/sign-in")
    page.locator("#login_id").fill("X-0001")
    page.locator("#password").fill("four words together")
    page.locator("main form button:not(.govuk-password-input__toggle)").click()
    home, title, entry = HOMES[role]
    expect(page).to_have_url(f"{alone.url}/{language}{home}")
    expect(page.locator("h1")).to_have_text(say(title))
    expect(page.locator(".epass-navigation [aria-current=true]")).to_have_text(say(entry))
    page.get_by_role("button", name=say("Sign out")).click()
    expect(page).to_have_url(f"{alone.url}/{language}/staff/sign-in")
    context.close()


def test_paper_shows_the_content_alone(context: BrowserContext, alone: PagesAlone) -> None:
    page = context.new_page()
    page.goto("/en/about/help")
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator("h1")).to_be_visible()
    for hidden in (".epass-navigation", ".epass-languages", ".epass-footer"):
        expect(page.locator(hidden)).to_be_hidden()
    assert page.locator("h1").evaluate("one => getComputedStyle(one).color") == "rgb(0, 0, 0)"
