"""The users of the pages, each in their own browser: they read what a page shows and press its buttons."""

import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Locator, Page

from contracts.model import IST, Language, Role
from contracts.rpc.accounts.logins import IssueLogin
from epass_client import calls
from services.chassis.runtime.clock import now
from services.gateway.pages.shared.languages import texts
from tests.support.stack.plain_http import asks
from tests.support.stack.running import eventually
from tests.support.system import actors
from tests.support.system.system import System

PASSWORD = "a password of the tests"


def translated(text: str, language: Language) -> str:
    """Return a text of the pages in a language."""
    return texts(language).gettext(text)


def press(page: Page, name: str | None = None) -> None:
    """Press a button of the form of the page: the one of this name, or the first.

    The forms of a search, and of the answers of an earlier application, are passed over.
    """
    button = (
        page.get_by_role("button", name=name, exact=True)
        if name
        else page.locator("main form:not([role=search]):not(.epass-offer) button.govuk-button").first
    )
    button.click()


def messages(system: System, mobile: str, purpose: str) -> list[dict[str, Any]]:
    """Return the messages of a kind to a phone, the oldest first."""
    answer = asks.get(f"{system.phone}/dev/messages", params={"to": f"+91{mobile}"}).json()
    return [one for one in answer if one["purpose"] == purpose]


def newest_message(system: System, mobile: str, purpose: str, after: int = 0) -> dict[str, Any]:
    """Wait until a phone has more than ``after`` messages of a kind, and return the newest."""

    def look() -> dict[str, Any] | None:
        found = messages(system, mobile, purpose)
        return found[-1] if len(found) > after else None

    return eventually(look, f"{purpose} comes to {mobile}", 30)


def new_login(system: System, role: Role, department: str | None = None) -> dict[str, str]:
    """Return a login that has chosen its own password."""
    ado = actors.Staff(system, "ado")
    made = ado.send(calls.issue_login(IssueLogin(role=role, name="Second Officer", department=department)))
    first = system.client().sign_in(made.login_id, made.initial_password)
    actors.Actor(system, first).send(calls.change_password(made.initial_password, PASSWORD))
    return {"login_id": made.login_id, "password": PASSWORD}


class Visitor:
    """An applicant.

    Args:
        page: of their browser.
        system: to read the phone.
        mobile: ten digits.
        language: in which they read.
    """

    def __init__(self, page: Page, system: System, mobile: str, language: str = "en") -> None:
        self.page, self.mobile, self.language = page, mobile, language
        self._system = system

    def open(self, inner: str) -> None:
        self.page.goto(f"/{self.language}{inner}")

    def code(self, before: int = 0) -> str:
        """Return the code of the newest message, once there are more than ``before``."""
        found = re.search(r"\b(\d{6})\b", newest_message(self._system, self.mobile, "otp", before)["text"])
        assert found is not None
        return found[1]

    def sign_in(self) -> None:
        """Verify the mobile, from any page that requires it."""
        self.page.fill("#mobile", self.mobile)
        self.prove()

    def prove(self) -> None:
        """Press the button that has a code sent to the mobile, and enter the code."""
        before = len(messages(self._system, self.mobile, "otp"))
        press(self.page)
        code = self.code(before)
        goes_on = self.page.locator("[data-goes-on]").is_visible()
        self.page.fill("#code", code)
        if not goes_on:
            press(self.page)
        self.page.wait_for_url(lambda url: not url.endswith("/sign-in/code"))

    def apply(
        self,
        name: str = "Gurpreet Kaur",
        companions: tuple[tuple[str, str | None], ...] = (),
        office: bool = False,
        guardian: str = "",
    ) -> str:
        """Apply for tomorrow and return the reference.

        Companions are a name, and an ID's last four or None for a child. With ``guardian``, the name of a
        mother, ``name`` is somebody under 18.
        """
        self.sign_in_at("/apply/who")
        kind = "official" if office else "minor" if guardian else "citizen"
        self.page.check(f"input[name=kind][value={kind}]")
        if guardian:
            self.page.fill("#guardian", guardian)
            self.page.check("input[name=relation][value=mother]")
        if office:
            self.page.fill("#organisation", "Punjab Mandi Board")
            self.page.fill("#designation", "Executive Engineer")
            self.page.fill("#employee_no", "PMB-1204")
        self.page.fill("#name", name)
        self.page.check("input[name=id_type][value=voter_id]")
        self._fill(id_last4="4821")
        self.page.locator("button[name=department][value='home@PCS1']").first.click()
        self.page.check("input[name=purpose_kind][value=meeting]")
        self.page.fill("#purpose", "Arms licence renewal, file 114/2026")
        self.page.check("#wishes")
        self.choose_time()
        for name_, last_four in companions:
            self._choose("more", "yes")
            self.page.fill("#name", name_)
            if last_four is None:
                self.page.check("#child")
            else:
                self.page.check("input[name=id_type][value=driving_licence]")
                self.page.fill("#id_last4", last_four)
            press(self.page)
        self.page.check("input[name=more][value=no]")
        self._choose("assistance", "wheelchair")
        press(self.page)
        return self.page.locator(".govuk-panel strong").inner_text()

    def sign_in_at(self, inner: str) -> None:
        """Open a page that requires signing in."""
        self.open(inner)
        if self.page.locator("#mobile").count():
            self.sign_in()

    def choose_time(self, days_ahead: int = 1, start: str = "10:00", end: str = "12:00") -> None:
        """Choose a day and exact hours, and continue."""
        day = (now().astimezone(IST) + timedelta(days=days_ahead)).date().isoformat()
        self.page.check(f"input[name=date-0][value='{day}']")
        hours = self.page.locator("#from-0")
        if not hours.is_visible():
            self.page.locator("details:has(> [data-exact] #from-0) > summary").click()
        hours.select_option(start)
        self.page.select_option("#to-0", end)
        press(self.page)

    def open_application(self, reference: str, last_four: str = "4821") -> None:
        """Open one of their applications; enter the last four of the ID card if the page asks for them."""
        self.sign_in_at(f"/applications/{reference}")
        if self.page.locator("#id_last4").count():
            self._fill(id_last4=last_four)

    def wait_for(self, reference: str, selector: str) -> None:
        """Reload an application until its page shows a text."""

        def look() -> bool:
            self.open_application(reference)
            return self.page.locator(selector).count() > 0

        eventually(look, f"{selector} comes to the page of {reference}", 30)

    def _choose(self, name: str, value: str) -> None:
        self.page.check(f"input[name={name}][value={value}]")
        press(self.page)

    def _fill(self, **fields: str) -> None:
        for name, text in fields.items():
            self.page.fill(f"#{name}", text)
        press(self.page)


class Staff:
    """A member of staff with a login.

    Args:
        page: of the browser.
        system: whose demo logins.
        role: of the login.
        language: of the pages.
        login: ID and password of a login that is none of the demo's.
    """

    def __init__(
        self,
        page: Page,
        system: System,
        role: str,
        language: str = "en",
        login: dict[str, str] | None = None,
    ) -> None:
        self.page, self.language = page, language
        login = login or system.login(role)
        self.open("/staff/sign-in")
        page.fill("#login_id", login["login_id"])
        page.fill("#password", login["password"])
        page.locator("main form button[type=submit], main form button:not([type=button])").last.click()
        page.wait_for_url(lambda url: not url.endswith("/sign-in"))

    def open(self, inner: str) -> None:
        self.page.goto(f"/{self.language}{inner}")

    def find(self, reference: str) -> None:
        """Open the review of an application once it has reached the desk."""

        def look() -> bool:
            self.open("/desk")
            self.page.fill("#q", reference)
            self.page.locator("form[role=search] button").click()
            return self.page.locator("tbody a").count() > 0

        eventually(look, f"{reference} comes to the desk", 30)
        self.page.locator("tbody a").first.click()

    def reject(self, reference: str, reason: str, note: str) -> None:
        """Reject the application with a reason."""
        self.find(reference)
        self.page.locator("main a[href*='/reject?']").click()
        self.page.fill("#note", note)
        self.page.locator(f"button[name=reason][value={reason}]").click()
        self.page.wait_for_url("**/desk?*notice=*")

    def approve(self, reference: str, today: bool = True) -> None:
        """Approve for now, or for the preferred time."""
        self.find(reference)
        if not today:
            self.page.locator("input[name=slot]").first.check()
        else:
            self.page.check("input[name=slot][value=own]")
            self.page.fill("#date", now().astimezone(IST).date().isoformat())
            self.page.fill("#from", "00:00")
            self.page.fill("#to", "23:59")
        self.page.locator("button[form=approve]").click()


DESKS = pytest.mark.parametrize(
    ("language", "scripts"), [("pa", True), ("en", False)], ids=["Punjabi", "English without scripts"]
)


def row_of(desk: Staff, reference: str) -> Locator:
    """Wait until an application is on the desk, and return its row on any page of the queue."""
    desk.find(reference)
    return desk.page.locator(f"[data-review='{desk.page.url.rpartition('/')[2]}']")
