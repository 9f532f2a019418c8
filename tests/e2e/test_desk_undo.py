"""Undo at the desk in a browser: one or many, across a killed gateway, and not against another officer."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from contracts.model import Language
from services.gateway.pages.shared.languages import texts
from tests.e2e.people import DESKS, Staff, new_login, row_of
from tests.e2e.viewports import DESK
from tests.support.stack.backends import start_stack
from tests.support.system.actors import Applicant, Department
from tests.support.system.system import System

ROW, BESIDE, MANY = "[data-approve]", "button[form=approve]", "button[form=many]"
TAKEN_BACK = "%(num)s decision is taken back. Nothing was sent."
TAKEN_BACK_MANY = "%(num)s decisions are taken back. Nothing was sent."


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A decision can be taken back here for longer than a test takes."""
    with (
        start_stack(tmp_path_factory.mktemp("undo")) as stack,
        System(stack, EPASS_UNDO_SECONDS="45") as own,
    ):
        yield own


def waiting(system: System, count: int) -> list[str]:
    visitor, department = Applicant(system), Department(system)
    references = [visitor.apply(purpose=f"File {number}") for number in range(count)]
    for reference in references:
        department.review_of(reference)
    return references


@DESKS
def test_several_approvals_are_taken_back_by_one_press_although_the_gateway_was_killed(
    open_browser, system: System, language: Language, scripts: bool
) -> None:
    references = waiting(system, 3)
    desk = Staff(open_browser(DESK, scripts=scripts), system, "department", language)
    rows = [row_of(desk, reference) for reference in references]
    desk.open("/desk")
    for row in rows:
        row.locator("input[name=review]").check()
    desk.page.locator(MANY).click()
    for row in rows:
        expect(row).to_have_count(0)
    system.processes["gateway"].kill()
    system.processes["gateway"].start()
    desk.page.locator("[data-undo]").click()
    said = texts(language).ngettext(TAKEN_BACK, TAKEN_BACK_MANY, len(rows)) % {"num": len(rows)}
    expect(desk.page.locator("[role=status]", has_text=said)).to_be_visible()
    for row in rows:
        expect(row).to_be_visible()


def test_an_officer_neither_decides_nor_takes_back_what_another_one_has_just_approved(
    open_browser, system: System
) -> None:
    (reference,) = waiting(system, 1)
    other = new_login(system, "department", "home")
    first, second = [Staff(open_browser(DESK), system, "department", login=login) for login in (None, other)]
    rows = [row_of(desk, reference) for desk in (first, second)]
    for desk, row in zip((first, second), rows, strict=True):
        desk.open("/desk")
        row.locator("[data-opens]").click()
        expect(desk.page.locator(BESIDE)).to_be_visible()
    first.page.locator(BESIDE).click()
    expect(first.page.locator("[data-undo]").first).to_be_visible()
    second.page.locator(BESIDE).click()
    expect(second.page.locator("[role=alert]", has_text="Someone else acted first")).to_be_visible()
    first.page.locator("[data-undo]").first.click()
    expect(rows[0]).to_be_visible()
    second.open("/desk")
    rows[1].locator(ROW).click()
    expect(second.page.locator("[data-undo]")).to_be_visible()
