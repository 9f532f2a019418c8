"""The public page about how fast departments decide, and the same numbers as JSON and CSV."""

import csv
from collections.abc import AsyncIterator
from io import StringIO

import pytest

from contracts.rpc.approval.directory import DepartmentList
from contracts.rpc.approval.numbers import Transparency
from tests.support.factories.gateway import browsing
from tests.support.factories.pages import POLICE, TRANSPARENCY
from tests.support.system.page_reader import HOME, Reader


@pytest.fixture
async def public() -> AsyncIterator[Reader]:
    async with browsing(
        approval__transparency=TRANSPARENCY, approval__departments=DepartmentList(items=(HOME, POLICE))
    ) as (http, client):
        yield Reader(http, client)


async def test_it_shows_the_newest_month_with_all_departments_first_and_the_others_by_name(
    public: Reader,
) -> None:
    shown = (await public.http.get("/en/transparency")).text
    assert "November 2026</caption>" in shown
    assert shown.index("All departments") < shown.index('rowheader" class="govuk-table__header">Home')
    assert shown.index(">Home<") < shown.index(">Police<")
    for text in ("45 minutes", "3 days", "94 %", "not shown"):
        assert text in shown, text


async def test_another_month_can_be_chosen_and_an_unknown_one_is_not_found(public: Reader) -> None:
    shown = await public.http.get("/en/transparency?month=2026-10")
    assert "October 2026</caption>" in shown.text
    assert "Police" not in shown.text
    assert (await public.http.get("/en/transparency?month=2020-01")).status_code == 404


async def test_it_is_fetched_once_for_many_readers(public: Reader) -> None:
    for _ in range(3):
        await public.http.get("/en/transparency")
    assert [name for name, *_ in public.client.asked].count("approval.transparency") == 1


async def test_before_the_first_count_it_says_so() -> None:
    async with browsing(
        approval__transparency=Transparency(items=()), approval__departments=DepartmentList(items=())
    ) as (http, _):
        assert "Nothing has been counted yet" in (await http.get("/en/transparency")).text
        assert (await http.get("/api/v1/transparency.csv")).text.count("\r\n") == 1


async def test_the_same_numbers_are_json_and_csv_and_what_is_withheld_is_empty(public: Reader) -> None:
    found = (await public.http.get("/api/v1/transparency")).json()
    assert found["items"][2]["decisions"] is None
    answer = await public.http.get("/api/v1/transparency.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(StringIO(answer.text)))
    assert [row["department"] for row in rows] == ["all", "home", "police", "all"]
    assert (rows[1]["median_seconds"], rows[2]["decisions"], rows[2]["applications"]) == ("2700", "", "120")
