"""Windows of visitor, gate app, desk, an office's phone, a hall and everybody follow one visit.

The office taps once.
"""

import re
from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlsplit
from uuid import UUID

from playwright.sync_api import Page, expect
from sqlalchemy import update

from epass_client import calls
from services.approval.handlers.numbers import count_months
from services.approval.models.reviews import MonthRow
from services.chassis.db.database import Database
from services.chassis.runtime.clock import now
from tests.e2e.gate_app import open_app, verdict
from tests.e2e.people import Staff, Visitor, newest_message, press, translated
from tests.e2e.viewports import DESK, PHONE
from tests.support.stack.running import eventually
from tests.support.system import actors
from tests.support.system.page_reader import Browser, tell_of_arrivals
from tests.support.system.system import System

SOON = 40_000
"""Milliseconds; a page of a pass asks each twenty seconds."""


def receive(system: System, visitors: int) -> None:
    """Let visitors come and be met, and say so of all who came: a share is shown where nobody was not."""
    department, gate = actors.Department(system), actors.Officer(system)
    references = set()
    for visitor in (actors.Applicant(system) for _ in range(visitors)):
        reference, summary = actors.issued(visitor, department)
        gate.scan(token=visitor.token(summary.number), id_check=actors.MATCHED)
        references.add(reference)

    def there(part: str) -> dict[str, UUID]:
        found = department.send(calls.list_visits(part=part, limit=200)).items
        return {one.reference: one.review_id for one in found}

    here = eventually(
        lambda: references <= (found := there("here")).keys() and found, "the desk knows of all"
    )
    for reference in references:
        department.send(calls.answer_visit(here[reference], "come_up"))
    for review_id in {**there("here"), **there("called"), **there("gone")}.values():
        department.send(calls.end_visit(review_id, "met"))


def test_one_tap_calls_a_visitor_in_every_window_and_both_say_how_it_ended(
    open_browser: Callable[..., Page], system: System, mobile: str
) -> None:
    receive(system, 4)
    office = f"96{mobile[2:]}"
    tell_of_arrivals(Browser(system, actors.Staff(system, "ado").client.token or "", "en"), f"+91{office}")
    visitor = Visitor(open_browser(PHONE), system, mobile, "pa")
    reference = visitor.apply("ਨਵਜੋਤ ਬਰਾੜ")
    desk = Staff(open_browser(DESK), system, "department")
    desk.approve(reference)
    link = re.search(r"/p/[A-Za-z0-9_-]{22}", newest_message(system, mobile, "pass_issued")["link"])
    assert link is not None
    visitor.page.goto(f"{link[0]}?in=pa")
    number = "".join(visitor.page.locator(".number strong").inner_text().split())
    hall = Staff(open_browser(DESK), system, "reception")
    hall.open("/hall")
    desk.open("/desk/visits")

    app = open_app(Staff(open_browser(PHONE), system, "security", "hi").page.context)
    app.fill("#number", number)
    app.keyboard.press("Enter")
    expect(verdict(app, "ask").locator(".verdict__name")).to_have_text("Navjot Brar")
    app.locator(".button--main").click()
    expect(verdict(app, "good")).to_be_visible()
    row = desk.page.get_by_role("row").filter(has_text="ਨਵਜੋਤ ਬਰਾੜ")
    expect(row).to_be_visible(timeout=SOON)

    text = newest_message(system, office, "visitor_arrived")["text"]
    (answers,) = re.findall(r"https?://\S+", text)
    phone = open_browser(PHONE)
    phone.goto(urlsplit(answers).path)
    expect(phone.locator("main")).to_contain_text(reference)
    expect(phone.locator("main")).not_to_contain_text("ਨਵਜੋਤ")
    press(phone, "Let them come")
    expect(phone.locator("main")).to_contain_text("The visitor is told.")

    expect(hall.page.locator("#state")).to_contain_text(reference, timeout=SOON)
    state = visitor.page.locator("#state")
    expect(state).to_contain_text(translated("You may come now", "pa"), timeout=SOON)
    expect(row).to_be_hidden(timeout=SOON)
    desk.page.locator("a[href$='part=called']").click()
    row.get_by_role("button", name="Met ", exact=False).first.click()
    expect(desk.page.locator("main")).to_contain_text("Recorded.")
    press(visitor.page, translated("No, I was not met", "pa"))
    expect(visitor.page.locator("main")).to_contain_text(translated("You said so", "pa"), timeout=SOON)
    desk.open("/desk/visits?part=differ")
    expect(row).to_contain_text("The visitor says: not met", timeout=SOON)

    url = system.stack.database_url("postgres", "approval")
    with closing(Database(url)) as approval, approval.transaction() as session:
        session.execute(
            update(MonthRow).values(visits=0)
        )  # a count while they came stays for five visits more
        assert count_months(session, now())
    system.processes["gateway"].kill()
    system.processes["gateway"].start()  # it keeps what it was told for some minutes
    everybody = open_browser(PHONE)
    everybody.goto("/en/transparency")
    home = everybody.get_by_role("row").filter(has=everybody.get_by_role("rowheader", name="Home"))
    expect(home.get_by_role("cell").filter(has_text="Visitors met")).to_contain_text("100 %")
    expect(home.get_by_role("cell").filter(has_text="Half were called within")).to_contain_text("minute")
