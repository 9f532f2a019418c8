"""Help, contact, privacy notice and the others, from the footer of every page."""

from datetime import date, time
from pathlib import Path

import pytest

from contracts.errors import Unavailable
from contracts.events import OpeningHours, SiteContact
from contracts.model import Language
from contracts.rpc.approval.directory import SiteList
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


async def test_an_unknown_page_is_a_page_that_leads_on() -> None:
    async with browsing() as (http, _):
        answer = await http.get("/hi/about/nothing")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert 'href="/hi"' in answer.text
