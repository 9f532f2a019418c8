"""The ADO Branch in a real browser: logins with a last day, a file of logins, and the directory."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect

from contracts.model import IST, Language
from epass_client import calls
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


@on_two_screens
def test_the_ado_branch_changes_gates_hours_and_contacts_and_closes_a_department(
    open_browser: Callable[..., Page],
    system: System,
    language: Language,
    scripts: bool,
    size: dict[str, int],
) -> None:
    ado = Staff(open_browser(size, scripts=scripts), system, "ado", language)
    page = ado.page
    lines, save = "/desk/directory/lines", translated("Save", language)

    gate = f"PCS2-G{language}"
    ado.open(f"{lines}/gates/new")
    page.select_option("#site", "PCS2")
    page.fill("#code", gate)
    for one in ("en", "pa", "hi"):
        page.fill(f"#name_{one}", f"Gate {one}")
    press(page, save)
    expect(page.locator("[role=status]")).to_be_visible()
    ado.open(f"{lines}/gates/remove/PCS2/{gate}")
    press(page, translated("Remove", language))
    expect(page.locator("main")).not_to_contain_text(gate)

    ado.open(f"{lines}/hours")
    page.locator("a[href*='/new?like=PCS2/']").click()
    day = (now().astimezone(IST) + timedelta(days=200 + len(gate) + size["width"] % 7)).date().isoformat()
    page.fill("#valid_from", day)
    page.fill("#monday", "11:00")
    press(page, save)
    expect(page.locator("#monday")).to_have_value("11:00")
    expect(page.locator("#monday-to-1")).to_have_value("13:00")
    ado.open(f"{lines}/hours/remove/PCS2/{day}")
    press(page, translated("Take back", language))
    expect(page.locator("main")).not_to_contain_text("11:00")

    code = f"closing-{language}"
    ado.open(f"{lines}/departments/new")
    page.fill("#code", code)
    for one in ("en", "pa", "hi"):
        page.fill(f"#name_{one}", f"Department {one}")
    page.check("input[name=sites][value=PCS2]")
    press(page, save)
    assert code in offered(system)
    page.check("input[name=closed]")
    press(page, save)
    expect(page.locator("[role=status]")).to_be_visible()
    assert code not in offered(system)

    ado.open("/desk/directory/contacts/sites/PCS2")
    page.fill("[name='email.reception']", f"{language}@example.org")
    press(page, save)
    expect(page.locator("[role=status]")).to_be_visible()
    expect(page.locator("[name='email.reception']")).to_have_value(f"{language}@example.org")


def offered(system: System) -> set[str]:
    """Return the departments for which a visit can be asked."""
    return {one.code for one in system.client().send(calls.list_departments()).items}


def sign_in(page: Page, login_id: str, password: str) -> None:
    """Sign in with an initial password, up to the page that asks for another one."""
    page.goto("/en/staff/sign-in")
    page.fill("#login_id", login_id)
    page.fill("#password", password)
    page.locator("main form button[type=submit], main form button:not([type=button])").last.click()
    page.wait_for_url("**/staff/password")
