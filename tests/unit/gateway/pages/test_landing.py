"""The landing page: its language and its links."""

import pytest

from contracts.model import Language
from services.gateway.pages.shared.languages import LANGUAGES
from tests.support.factories.gateway import browser, stubbed


@pytest.mark.parametrize(
    ("asked", "language"),
    [("hi-IN,hi;q=0.9,en;q=0.8", "hi"), ("en-GB", "en"), ("fr-FR, en;q=0.5", "en"), ("fr", "pa"), ("", "pa")],
)
async def test_the_first_page_comes_in_the_language_that_the_browser_asks_for(
    asked: str, language: str
) -> None:
    app, _ = stubbed()
    async with browser(app) as http:
        answer = await http.get("/", headers={"Accept-Language": asked})
    assert (answer.status_code, answer.headers["location"], answer.headers["vary"]) == (
        303,
        f"/{language}",
        "Accept-Language",
    )


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_landing_page_links_to_every_entrance(language: Language) -> None:
    app, _ = stubbed()
    async with browser(app) as http:
        text = (await http.get(f"/{language}")).text
        for inner in ("apply", "status", "applications", "staff/sign-in", "kiosk"):
            assert f'href="/{language}/{inner}"' in text, inner
        assert all(f'href="/{other}"' in text for other in LANGUAGES), "each page offers the other languages"
    assert f'<html lang="{language}"' in text


async def test_only_local_mode_links_to_the_phone_and_the_api() -> None:
    for local_mode in (True, False):
        app, _ = stubbed(given={"local_mode": local_mode})
        async with browser(app) as http:
            text = (await http.get("/en")).text
        assert [f'href="{path}"' in text for path in ("/dev/phone", "/docs")] == [local_mode] * 2


@pytest.mark.parametrize(
    ("given", "is_open"),
    [
        ({}, True),
        ({"api_docs": False}, False),
        ({"local_mode": False}, False),
        ({"local_mode": False, "api_docs": True}, True),
    ],
    ids=["local", "local, closed", "production", "production, opened"],
)
async def test_production_shows_the_documentation_of_the_interface_only_where_it_was_opened(
    given: dict[str, bool], is_open: bool
) -> None:
    app, _ = stubbed(given=given)
    async with browser(app) as http:
        shown = [(await http.get(path)).status_code for path in ("/docs", "/openapi.json")]
    assert shown == [200 if is_open else 404] * 2
