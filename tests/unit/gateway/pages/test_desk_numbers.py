"""The numbers on the desk: charts, and the same numbers as tables."""

import re
from datetime import date
from types import SimpleNamespace

import pytest

from contracts.errors import Unavailable
from contracts.rpc.approval.numbers import DayNumbers, Numbers
from services.gateway.pages.desk.numbers import _medians
from tests.support.factories.gateway import browsing, claims
from tests.support.factories.pages import desk_numbers


async def test_charts_and_tables_show_the_officers_own_numbers_and_the_departments() -> None:
    async with browsing(approval__numbers=desk_numbers(3, 8), session=claims("staff")) as (http, _):
        shown = (await http.get("/en/desk/numbers")).text
    assert shown.count("<svg") == 3
    assert re.search(r"Decisions today</th><td[^>]*>3</td><td[^>]*>8</td>", shown)
    assert re.search(r"1 to 4 hours</th><td[^>]*>11</td>", shown)
    assert re.search(r">1 to 4 hours</text>", shown)
    assert "2 hours" in shown
    assert shown.count("<tr") == 3 + 6 + 15
    assert 'href="/en/desk?status=decided">“Decided today” in the queue counts each application once' in shown


@pytest.mark.parametrize(
    ("seconds", "title", "shown"),
    [
        ([30, 3_000, 0], "Usual minutes to a decision, by day", [("1", 1), ("50", 50), ("0", 0)]),
        ([30, 7_200, None], "Usual hours to a decision, by day", [("0", 0), ("2", 2), ("0", 0)]),
    ],
)
def test_a_column_is_as_long_as_the_number_above_it_says(seconds, title: str, shown) -> None:
    days = tuple(
        DayNumbers(day=date(2026, 11, 1 + at), decisions=1, median_seconds=one)
        for at, one in enumerate(seconds)
    )
    found = _medians(SimpleNamespace(language="en"), Numbers(decided_today=0, days=days))  # type: ignore[arg-type]  # all that is read of a view
    assert found[0] == title
    assert [(bar.text, bar.value) for bar in found[1]] == shown


async def test_without_any_decision_the_page_stands_empty() -> None:
    async with browsing(approval__numbers=desk_numbers(0, 0), session=claims("staff")) as (http, _):
        shown = await http.get("/hi/desk/numbers")
    assert shown.status_code == 200


async def test_while_approval_is_down_the_page_says_when_to_try_again() -> None:
    async with browsing(approval__numbers=Unavailable(), session=claims("staff")) as (http, _):
        shown = await http.get("/en/desk/numbers")
    assert (shown.status_code, "Retry-After" in shown.headers) == (503, True)
