"""The public page of how fast departments decide and meet visitors; the same numbers as JSON and CSV."""

import csv
import re
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
    for text in ("45 minutes", "3 days", "94 %", "85 %", "11 minutes", "40 minutes", "not shown"):
        assert text in shown, text


def bars(shown: str, heading: str) -> list[tuple[str, ...]]:
    """Return of a chart each name with its number, and the lengths of its bars."""
    chart = shown.partition(f">{heading}</h2>")[2].partition("</svg>")[0]
    words = re.findall(r"<text[^>]*>([^<]*)</text>", chart)
    sizes = re.findall(r'width="([\d.]+)" height="16" class="epass-chart__(?:bar|part)"', chart)
    return list(zip(words[::2], words[1::2], sizes[::2], sizes[1::2], strict=True))


async def test_charts_show_who_was_met_and_how_long_visitors_waited_the_best_first(public: Reader) -> None:
    shown = (await public.http.get("/en/transparency")).text
    assert bars(shown, "Half of the applications were decided within") == [
        ("Home", "45 minutes", "320.0", "0.0")
    ]
    assert bars(shown, "Visitors met") == [
        ("Home", "85 %", "272.0", "0.0"),
        ("Police", "70 %", "224.0", "0.0"),
    ]
    assert bars(shown, "Half were called within") == [
        ("Home", "11 minutes", "320.0", "88.0"),
        ("Police", "22 minutes", "176.0", "176.0"),
    ]
    withheld = (await public.http.get("/en/transparency?month=2026-10")).text
    assert "epass-chart" not in withheld.replace("epass-charts", ""), "nothing is known of a department"


@pytest.mark.parametrize(
    ("language", "title"),
    [
        ("en", "How fast departments decide and meet visitors"),
        ("pa", "ਵਿਭਾਗ ਕਿੰਨੀ ਜਲਦੀ ਫ਼ੈਸਲਾ ਕਰਦੇ ਅਤੇ ਮੁਲਾਕਾਤੀਆਂ ਨੂੰ ਮਿਲਦੇ ਹਨ"),
        ("hi", "विभाग कितनी जल्दी फ़ैसला करते और मुलाक़ातियों से मिलते हैं"),
    ],
)
async def test_its_title_and_each_link_to_it_say_that_it_is_about_visits_too(
    public: Reader, language: str, title: str
) -> None:
    shown = (await public.http.get(f"/{language}/transparency")).text
    assert f'<h1 class="govuk-heading-l">{title}</h1>' in shown
    assert f'/transparency">{title}</a>' in shown


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
    of_visits = ("visits", "percent_met", "median_call_seconds", "p95_call_seconds")
    assert [found["items"][1][name] for name in of_visits] == [80, 85, 660, 2_400]
    assert [found["items"][3][name] for name in of_visits] == [None] * 4
    assert [rows[1][name] for name in of_visits] == ["80", "85", "660", "2400"]
    assert [rows[3][name] for name in of_visits] == [""] * 4
