"""Help, contact, privacy notice and the others, from the footer of every page."""

from pathlib import Path

import pytest

from contracts.model import Language
from services.gateway.pages.shared.languages import LANGUAGES
from services.gateway.pages.shared.navigation import FOOTER
from tests.support.factories.gateway import browsing


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


async def test_an_unknown_page_is_a_page_that_leads_on() -> None:
    async with browsing() as (http, _):
        answer = await http.get("/hi/about/nothing")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert 'href="/hi"' in answer.text
