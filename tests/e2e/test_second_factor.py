"""The second factor in a real browser: an app that is set up, used, lost, and reset."""

from collections.abc import Callable
from io import BytesIO
from time import time
from typing import Any

import pyotp
import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from contracts.errors import Forbidden
from contracts.model import Language
from contracts.rpc.accounts.logins import IssuedLogin, IssueLogin
from contracts.rpc.accounts.sessions import StaffSession
from epass_client import calls
from services.chassis.runtime.clock import now
from tests.e2e.people import Staff, messages, press, translated
from tests.e2e.viewports import DESK, PHONE
from tests.support.factories.gateway import claims, signed
from tests.support.stack.running import eventually
from tests.support.system.pages_alone import PagesAlone
from tests.support.system.system import System

PASSWORD = "a stapler of good hope"


class Holder:
    """Somebody with a login, a phone with an app, and a browser."""

    def __init__(self, page: Page, language: Language, login_id: str) -> None:
        self.page, self.language, self.login_id = page, language, login_id
        self.app: pyotp.TOTP | None = None

    def type_password(self, password: str = PASSWORD) -> None:
        self.page.goto(f"/{self.language}/staff/sign-in")
        self.page.fill("#login_id", self.login_id)
        self.page.fill("#password", password)
        press(self.page, translated("Sign in", self.language))

    def scan(self) -> None:
        """Read the QR of the page with the app."""
        picture = self.page.locator("main .epass-qr").screenshot()
        with Image.open(BytesIO(picture)) as image:
            (found,) = zxingcpp.read_barcodes(image.convert("L"))
        app = pyotp.parse_uri(found.text)
        assert isinstance(app, pyotp.TOTP)
        self.app = app

    def type_code(self, steps: int = 0) -> None:
        """Type what the app shows now, or shows in so many steps of thirty seconds."""
        assert self.app is not None
        self.page.fill("#code", self.app.at(time() + 30 * steps))
        press(self.page, translated("Continue", self.language))

    def sign_out(self) -> None:
        press(self.page, translated("Sign out", self.language))
        expect(self.page.locator("#password")).to_be_visible()


@pytest.mark.parametrize(
    ("language", "scripts", "size"),
    [("en", True, DESK), ("pa", False, PHONE), ("hi", True, PHONE)],
    ids=["English desk", "Punjabi phone without scripts", "Hindi phone"],
)
def test_an_app_is_set_up_used_lost_and_reset(
    open_browser: Callable[..., Page],
    system: System,
    mobile: str,
    language: Language,
    scripts: bool,
    size: dict[str, int],
) -> None:
    branch = system.client().sign_in(*system.login("ado").values())
    wanted = IssueLogin(role="auditor", name="Asha Rani", mobile=mobile, language=language)
    issued = branch.send(calls.issue_login(wanted))
    holder = Holder(open_browser(size, scripts=scripts), language, issued.login_id)
    page = holder.page

    holder.type_password(issued.initial_password)
    page.fill("#current", issued.initial_password)
    page.fill("#new", PASSWORD)
    page.fill("#again", PASSWORD)
    press(page, translated("Change the password", language))
    page.goto(f"/{language}/staff/second-factor")
    page.fill("#password", PASSWORD)
    press(page, translated("Set up your authenticator app", language))
    holder.scan()
    holder.type_code()
    codes = page.locator("main ol code").all_inner_texts()
    assert len(codes) == 10
    page.locator("main a.govuk-button").click()
    expect(page).to_have_url(f"{system.url}/{language}/audit")
    holder.sign_out()

    holder.type_password()
    expect(page.locator("#code")).to_have_attribute("autocomplete", "one-time-code")
    holder.type_code(steps=1)
    expect(page).to_have_url(f"{system.url}/{language}/audit")
    holder.sign_out()

    holder.type_password()
    page.locator("details summary").click()
    page.fill("#recovery", codes[3])
    press(page, translated("Sign in with a recovery code", language))
    expect(page).to_have_url(f"{system.url}/{language}/audit")

    ado = Staff(open_browser(DESK), system, "ado", language)
    ado.open(f"/desk/logins/{issued.login_id}")
    ado.page.locator(f"a[href$='/{issued.login_id}/reset-factor']").click()
    press(ado.page)
    expect(ado.page.locator("[role=status]")).to_be_visible()
    holder.type_password()
    expect(page).to_have_url(f"{system.url}/{language}/audit")
    eventually(lambda: len(messages(system, mobile, "access_changed")) == 3, "the holder is told of each", 30)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_form_that_needs_a_fresh_code_is_sent_on_by_the_browser_as_it_was(
    chromium: Browser, alone: PagesAlone, scripts: bool
) -> None:
    fresh = StaffSession(
        access_token=signed(claims(sub="ADO-0001", role="ado", department=None, factor_at=1)),
        role="ado",
        login_id="ADO-0001",
        expires_at=now().replace(year=now().year + 1),
    )
    names: list[str] = []

    def issue(asked: Any) -> IssuedLogin:
        names.append(asked.name)
        if len(names) == 1:
            raise Forbidden(code="second_factor_stale")
        return IssuedLogin(login_id="AUD-0007", initial_password="amber-canal-seven-lantern")

    alone.answers.update({"accounts.issue_login": issue, "accounts.confirm_factor": fresh})
    context = chromium.new_context(base_url=alone.url, java_script_enabled=scripts, viewport=PHONE)
    alone.sign_in(context, "ado")
    page = context.new_page()
    page.goto("/pa/desk/logins/new")
    page.check("input[name=role][value=auditor]")
    page.fill("#name", 'ਗੁਰਪ੍ਰੀਤ "ਕੌਰ"')
    page.locator("main form button").last.click()
    expect(page.locator("#code")).to_be_visible()
    page.fill("#code", "123456")
    press(page, translated("Continue", "pa"))
    expect(page.locator("h1")).to_have_text("AUD-0007")
    assert names == ['ਗੁਰਪ੍ਰੀਤ "ਕੌਰ"'] * 2
    context.close()
