"""The numbers on the desk: charts, and the same numbers as tables."""

import re

from contracts.errors import Unavailable
from tests.support.factories.gateway import as_staff, browser, claims, signed, stubbed
from tests.support.factories.pages import desk_numbers


async def test_charts_and_tables_show_the_officers_own_numbers_and_the_departments() -> None:
    app, _ = stubbed(approval__numbers=desk_numbers(3, 8))
    async with browser(app) as http:
        http.cookies.set("session", signed(claims("staff")))
        shown = (await http.get("/en/desk/numbers")).text
    assert shown.count("<svg") == 3
    assert re.search(r"Decided today</th><td[^>]*>3</td><td[^>]*>8</td>", shown)
    assert re.search(r"1 to 4 hours</th><td[^>]*>11</td>", shown)
    assert re.search(r">1 to 4 hours</text>", shown)
    assert "2 hours" in shown
    assert shown.count("<tr") == 3 + 6 + 15


async def test_without_any_decision_the_page_stands_empty() -> None:
    app, _ = stubbed(approval__numbers=desk_numbers(0, 0))
    async with browser(app) as http:
        http.cookies.set("session", signed(claims("staff")))
        shown = await http.get("/hi/desk/numbers")
    assert shown.status_code == 200


async def test_the_same_numbers_are_json() -> None:
    app, _ = stubbed(approval__numbers=desk_numbers(3, 8))
    async with browser(app) as http:
        answer = await http.get("/api/v1/numbers", headers=as_staff("department"))
    assert (answer.json()["own"]["decided_today"], len(answer.json()["waiting"])) == (3, 5)


async def test_while_approval_is_down_the_page_says_when_to_try_again() -> None:
    app, _ = stubbed(approval__numbers=Unavailable())
    async with browser(app) as http:
        http.cookies.set("session", signed(claims("staff")))
        shown = await http.get("/en/desk/numbers")
    assert (shown.status_code, "Retry-After" in shown.headers) == (503, True)
