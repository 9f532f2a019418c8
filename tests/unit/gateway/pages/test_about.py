"""Help, contact, privacy notice and the others, from the footer of every page."""

from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from contracts.errors import Unavailable
from contracts.events import OpeningHours, SiteContact
from contracts.model import Language
from contracts.rpc.approval.directory import SiteList
from contracts.rpc.approval.site_texts import SiteText, SiteTexts
from services.gateway.pages.shared.languages import LANGUAGES
from services.gateway.pages.shared.navigation import FOOTER
from tests.support.factories.gateway import browsing
from tests.support.system.page_reader import SITE


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_footer_leads_to_every_page_in_the_readers_language(language: Language) -> None:
    async with browsing() as (http, _):
        landing = (await http.get(f"/{language}")).text
        for name in FOOTER:
            address = f"/{language}/about/{name}"
            assert f'href="{address}"' in landing
            page = await http.get(address)
            assert page.status_code == 200
            assert page.headers["x-robots-tag"] == "all"
            assert f'<div lang="{language}">' in page.text
            assert "govuk-inset-text" not in page.text


async def test_a_text_in_another_language_says_so_and_is_marked_as_such(tmp_path: Path) -> None:
    (tmp_path / "terms.en.md").write_text("# Our terms\n\nBe kind.\n")
    async with browsing(given={"site_texts": tmp_path}) as (http, _):
        punjabi, english = [(await http.get(f"/{code}/about/terms")).text for code in ("pa", "en")]
    assert '<div lang="en">' in punjabi
    assert "ਇਹ ਪੰਨਾ ਅਜੇ ਤੁਹਾਡੀ ਭਾਸ਼ਾ ਵਿੱਚ ਨਹੀਂ ਲਿਖਿਆ ਗਿਆ" in punjabi
    assert "has not been written in your language" not in english


CONTACT = SiteContact(phone="0172-555 0100", email="desk@example.org", note={"pa": "ਰਿਸੈਪਸ਼ਨ"})


async def test_the_contact_page_shows_where_visitors_of_each_site_ask_and_when_it_is_open() -> None:
    day = {"opens": time(9), "closes": time(17)}
    hours = [OpeningHours(weekday=one, valid_from=date(2025, 1, 1), **day) for one in range(5)]
    over = {"valid_from": date(2024, 1, 1), "valid_to": date(2024, 12, 31)}
    hours.append(OpeningHours(weekday=6, opens=time(7), closes=time(8), **over))
    asked = SITE.model_copy(update={"contact": CONTACT, "hours": tuple(hours)})
    silent = SITE.model_copy(update={"code": "PCS2", "contact": None, "hours": ()})
    async with browsing(approval__sites=SiteList(items=(asked, silent))) as (http, _):
        page = (await http.get("/pa/about/contact")).text
        assert "tel:" not in (await http.get("/pa/about/help")).text
    assert 'href="tel:01725550100"' in page
    assert 'href="mailto:desk@example.org"' in page
    assert "ਰਿਸੈਪਸ਼ਨ" in page
    assert "ਸੋਮਵਾਰ" in page
    assert page.count("<dt>") == 2, "Monday to Friday, and the weekend"
    assert page.count('<h2 class="govuk-heading-m" id=') == 2


async def test_the_contact_page_is_there_while_the_directory_does_not_answer() -> None:
    async with browsing(approval__sites=Unavailable()) as (http, _):
        page = await http.get("/en/about/contact")
    assert page.status_code == 200
    assert "cannot be shown just now" in page.text
    assert "ADO Branch, Punjab Civil Secretariat-1" in page.text


@pytest.mark.parametrize(
    ("language", "words", "page"),
    [("en", "pass wheelchair", "help"), ("pa", "ਵ੍ਹੀਲਚੇਅਰ", "help"), ("hi", "कॉपीराइट", "policies")],
)
async def test_the_site_map_lists_all_pages_and_finds_those_that_have_all_words(
    language: Language, words: str, page: str
) -> None:
    async with browsing() as (http, _):
        every = (await http.get(f"/{language}/site-map")).text.partition("<main")[2].partition("</main>")[0]
        found = (await http.get(f"/{language}/site-map", params={"q": words})).text
        nothing = (await http.get(f"/{language}/site-map", params={"q": "zebra " * 400})).text
    for address in (*(f"/about/{name}" for name in FOOTER), "/transparency", "/requests/new"):
        assert f'href="/{language}{address}"' in every
    main = found.partition("<main")[2].partition("</main>")[0]
    assert f'href="/{language}/about/{page}"' in main
    assert f'href="/{language}/transparency"' not in main
    assert nothing.partition("<main")[2].count("<li>") < every.count("<li>")


async def test_each_text_and_the_first_page_say_when_they_were_last_changed(tmp_path: Path) -> None:
    (tmp_path / "terms.en.md").write_text("# Our terms\n\nBe kind.\n")
    at = datetime(2027, 2, 3, 20, 0, tzinfo=UTC)
    written = SiteText(
        name="help", words={"en": "# Help\n\nAsk."}, set_by="ADO-0001", set_at=at, revision="r"
    )
    async with browsing(given={"site_texts": tmp_path}, approval__site_texts=SiteTexts(items=(written,))) as (
        http,
        _,
    ):
        help_page, first = [(await http.get(f"/en{path}")).text for path in ("/about/help", "")]
        delivered, own = [(await http.get(f"/en/about/{name}")).text for name in ("policies", "terms")]
    for text in (help_page, first):
        assert "Last changed or reviewed: Thursday, 4 February 2027" in text
    assert "Last changed or reviewed" in delivered
    assert "Last changed or reviewed" not in own, "nobody knows it"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_accessibility_statement_has_a_table_of_what_people_tried(language: Language) -> None:
    async with browsing() as (http, _):
        page = (await http.get(f"/{language}/about/accessibility")).text
    assert page.count('<th class="govuk-table__header">') == 3
    assert "TalkBack" in page


async def test_an_unknown_page_is_a_page_that_leads_on() -> None:
    async with browsing() as (http, _):
        answer = await http.get("/hi/about/nothing")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert 'href="/hi"' in answer.text
