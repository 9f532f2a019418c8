"""The landing page: its language and its links."""

import re

import pytest

from contracts.model import Language
from services.gateway.pages.shared.languages import LANGUAGES
from tests.support.factories.gateway import browser, browsing, stubbed
from tests.support.factories.pages import UNDER_A_LANGUAGE


@pytest.mark.parametrize(
    ("asked", "language"),
    [("hi-IN,hi;q=0.9,en;q=0.8", "hi"), ("en-GB", "en"), ("fr-FR, en;q=0.5", "en"), ("fr", "pa"), ("", "pa")],
)
async def test_the_first_page_comes_in_the_language_that_the_browser_asks_for(
    asked: str, language: str
) -> None:
    async with browsing() as (http, _):
        answer = await http.get("/", headers={"Accept-Language": asked})
    assert (answer.status_code, answer.headers["location"], answer.headers["vary"]) == (
        303,
        f"/{language}",
        "Accept-Language",
    )


async def test_every_page_opens_without_a_language_in_that_of_the_browser() -> None:
    app, _ = stubbed()
    paths = {route.path for route in app.router.routes if "GET" in (getattr(route, "methods", None) or ())}  # type: ignore[attr-defined]
    pages = {path.removeprefix(UNDER_A_LANGUAGE) for path in paths if path.startswith(f"{UNDER_A_LANGUAGE}/")}
    assert {"/ops", "/desk/kiosks", "/desk/second-factor", "/gate-devices", "/counter"} <= pages
    found = {}
    async with browser(app) as http:
        for page in sorted(pages - paths):
            path = re.sub(r"\{\w+(:\w+)?\}", "1", page)
            answer = await http.get(f"{path}?a=1", headers={"Accept": "text/html", "Accept-Language": "hi"})
            found[path] = (answer.status_code, answer.headers.get("location"), answer.headers.get("vary"))
    assert found == {path: (303, f"/hi{path}?a=1", "Accept-Language") for path in found}


@pytest.mark.parametrize(
    ("method", "path", "accept"),
    [
        ("GET", "/no-such-page", "text/html"),
        ("GET", "/en/en/ops", "text/html"),
        ("GET", "/static/ops", "text/html"),
        ("GET", "//evil.example/ops", "text/html"),
        ("GET", "/ops", "application/json"),
        ("POST", "/counter", "text/html"),
    ],
)
async def test_nothing_but_a_page_is_looked_for_in_another_place(method: str, path: str, accept: str) -> None:
    async with browsing() as (http, _):
        answer = await http.request(method, f"http://localhost{path}", headers={"Accept": accept})
    assert answer.status_code in {403, 404}
    assert "location" not in answer.headers


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_landing_page_links_to_every_entrance(language: Language) -> None:
    async with browsing() as (http, _):
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
    async with browsing(given=given) as (http, _):
        shown = [(await http.get(path)).status_code for path in ("/docs", "/openapi.json")]
    assert shown == [200 if is_open else 404] * 2
