"""The ADO Branch in a real browser: a file of logins, a last day, a sign-out, and a line of the directory."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from contracts.model import IST, Language
from services.chassis.runtime.clock import now
from tests.e2e.people import Staff, press, translated
from tests.e2e.viewports import DESK, PHONE
from tests.support.stack.running import eventually
from tests.support.system.system import System

FILE = "role,name,department,site\n"
on_two_screens = pytest.mark.parametrize(
    ("language", "scripts", "size"),
    [("en", True, DESK), ("pa", False, PHONE)],
    ids=["English desk", "Punjabi phone without scripts"],
)


@on_two_screens
def test_the_ado_branch_manages_logins_files_and_the_directory(
    open_browser: Callable[..., Page],
    system: System,
    language: Language,
    scripts: bool,
    size: dict[str, int],
) -> None:
    ado = Staff(open_browser(size, scripts=scripts), system, "ado", language)
    page = ado.page
    ado.open("/desk/directory/files")
    page.check("input[name=table][value=logins]")
    page.fill("#text", f"{FILE}minister,Asha Rani,,\n")
    press(page, translated("Check the file", language))
    expect(page.locator("main")).to_contain_text(translated("There is no such role", language))

    ado.open("/desk/directory/files")
    page.check("input[name=table][value=logins]")
    file = f"{FILE}reception,Asha {language},,PCS2\ndepartment,Harjit {language},home,\n".encode()
    page.set_input_files("#file", {"name": "logins.csv", "mimeType": "text/csv", "buffer": file})
    press(page, translated("Check the file", language))
    press(page, translated("Apply the file", language))
    expect(page.locator("h1")).to_have_text(translated("The file is applied", language))
    login_id = page.locator("main tbody th").first.inner_text()
    page.get_by_role("button", name=translated("Print a slip for each login", language)).click()
    password = page.locator(".epass-slip__password").first.inner_text()

    other = open_browser(DESK)
    sign_in(other, login_id, password)
    ado.open(f"/desk/logins/{login_id}")
    last_day = (now().astimezone(IST) + timedelta(days=30)).date().isoformat()
    page.fill("#valid_until", last_day)
    press(page, translated("Save the last day", language))
    expect(page.locator("#valid_until")).to_have_value(last_day)
    page.locator(f"a[href$='/{login_id}/sign-out']").click()
    press(page)

    def is_signed_out() -> bool:
        other.reload()
        return other.url.endswith("/staff/sign-in")

    eventually(is_signed_out, "the other browser is signed out", 5)

    ado.open("/desk/directory/lines/officers")
    page.locator("a[href$='/edit/home/home-superintendent']").click()
    room = f"9-{len(language)}{size['width']}"
    page.fill("#room", room)
    press(page, translated("Save", language))
    expect(page.locator("ins").first).to_have_text(room)
    ado.open("/desk/directory/lines/officers")
    expect(page.locator("main")).to_contain_text(room)


def sign_in(page: Page, login_id: str, password: str) -> None:
    """Sign in with an initial password, up to the page that asks for another one."""
    page.goto("/en/staff/sign-in")
    page.fill("#login_id", login_id)
    page.fill("#password", password)
    page.locator("main form button[type=submit], main form button:not([type=button])").last.click()
    page.wait_for_url("**/staff/password")
