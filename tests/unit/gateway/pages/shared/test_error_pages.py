"""What does not exist, is not allowed or went wrong: a page for people, a problem for programs."""

import asyncio
import re
from pathlib import Path
from uuid import UUID

import pytest
from fastapi.routing import APIRoute

from contracts.errors import ContractError, Forbidden, Unavailable
from services.gateway.access.callers import access_of
from services.gateway.pages import landing
from services.gateway.pages.shared import error_pages
from services.gateway.pages.shared.error_pages import SECRET_FIELDS
from services.gateway.pages.shared.languages import LANGUAGES, texts
from tests.support.factories.gateway import (
    NUMBER,
    as_applicant,
    as_staff,
    browser,
    browsing,
    claims,
    signed,
    staff_claims,
    stubbed,
)
from tests.support.system.page_reader import SAME_SITE

TEMPLATES = Path(error_pages.__file__).parents[2] / "templates"
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
HTML, PROBLEM = "text/html; charset=utf-8", "application/problem+json"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_unknown_address_is_a_page_in_the_readers_language_that_leads_on(language: str) -> None:
    app, _ = stubbed()
    async with browser(app, **BROWSER, **{"Accept-Language": language}) as http:
        for path in (
            f"/{language}/nothing",
            "/nothing",
            "/xx/apply",
            "/static/nothing.png",
            "/.well-known/x",
        ):
            answer = await http.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (404, HTML), path
            assert texts(language).gettext("There is no such page") in answer.text  # type: ignore[arg-type]  # one of the three
            assert f'href="/{language}"' in answer.text
            assert f'href="/{language}/about/help"' in answer.text


async def test_an_address_that_takes_only_forms_is_a_page_that_leads_on() -> None:
    app, _ = stubbed()
    async with browser(app, **BROWSER) as http:
        answer = await http.get("/en/sign-out")
        assert (answer.status_code, answer.headers["content-type"], answer.headers["allow"]) == (
            405,
            HTML,
            "POST",
        )
        assert "This page cannot be opened by itself" in answer.text
        assert (await http.put("/en/status")).headers["content-type"] == HTML


async def test_the_address_of_a_form_leads_to_the_page_above_it() -> None:
    app, _ = stubbed()
    async with browser(app, **BROWSER) as http:
        for path, above in (
            ("/counter/apply", "/counter"),
            (f"/counter/passes/{NUMBER}/reissue", f"/counter/passes/{NUMBER}"),
            ("/desk/kiosks/KIO-0001/token", "/desk/kiosks"),
            ("/apply/companions/remove", "/apply/companions"),
        ):
            answer = await http.get(f"/pa{path}")
            assert (answer.status_code, answer.headers["location"]) == (303, f"/pa{above}")
            as_a_program = await http.get(f"/pa{path}", headers={"Accept": "application/json"})
            assert as_a_program.status_code == 405


async def test_programs_get_problems() -> None:
    async with browsing() as (http, _):
        for method, path, status in (
            ("GET", "/api/v1/nothing", 404),
            ("DELETE", "/api/v1/sites", 405),
            ("GET", "/nothing", 404),
        ):
            for accept in ("*/*", "application/json"):
                answer = await http.request(method, path, headers={"Accept": accept})
                assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM), path
        asked_for_json = await http.get("/en/nothing", headers={"Accept": "application/json"})
        assert asked_for_json.headers["content-type"] == PROBLEM


async def test_staff_and_kiosks_are_led_to_their_own_first_page() -> None:
    app, _ = stubbed()
    async with browser(app, **BROWSER) as http:
        assert 'href="/pa/staff"' in (await http.get("/pa/desk/nothing/at/all")).text
        http.cookies.set("kiosk", signed(claims(sub="KIO-0001", role="kiosk", department=None, site="PCS1")))
        page = (await http.get("/pa/nothing")).text
        assert 'href="/pa/kiosk"' in page
        assert 'href="/pa/about/help"' not in page


async def test_what_a_session_may_not_see_leads_on_too() -> None:
    app, _ = stubbed()
    async with browser(app, **BROWSER) as http:
        answer = await http.get("/hi/desk", headers=as_applicant())
    assert (answer.status_code, answer.headers["content-type"]) == (403, HTML)
    assert 'href="/hi/staff/sign-in"' in answer.text


async def test_every_page_of_staff_leads_to_the_sign_in_of_staff() -> None:
    app, _ = stubbed()
    wrong = []
    async with browser(app, **BROWSER) as http:
        for route in app.routes:
            if not isinstance(route, APIRoute) or "GET" not in route.methods or "{language" not in route.path:
                continue
            access = access_of(route)
            assert access is not None
            if access.everybody or access.applicants:
                continue
            path = re.sub(r"\{\w+(:\w+)?\}", str(UUID(int=1)), route.path.replace("{language:lang}", "en"))
            answer = await http.get(path)
            leads_to = answer.headers.get("location", "")
            if answer.status_code != 404 and not leads_to.startswith("/en/staff/sign-in"):
                wrong.append((path, answer.status_code, leads_to))
    assert wrong == []


async def test_a_fault_of_a_page_is_a_page(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_asked: str) -> str:
        raise RuntimeError

    monkeypatch.setattr(landing, "preferred", broken)
    app, _ = stubbed()
    async with browser(app, **BROWSER) as http:
        answer = await http.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (500, HTML)
    assert 'href="/pa"' in answer.text


async def test_an_outage_keeps_the_navigation_and_leads_back_to_the_same_page() -> None:
    app, _ = stubbed()
    async with browser(app, **BROWSER, **as_staff("department")) as http:
        answer = await http.get("/en/desk?status=decided&site=PCS1")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert (
            '<a class="govuk-link" href="/en/desk?status=decided&amp;site=PCS1">Try again</a>' in answer.text
        )
        assert '<a class="epass-navigation__link" href="/en/desk/numbers">' in answer.text
        missing = (await http.get(f"/en/desk/reviews/{UUID(int=1)}/nothing")).text
        assert '<a class="epass-navigation__link" href="/en/desk/numbers">' in missing


async def test_a_form_without_a_key_is_not_offered_again_but_its_page_is() -> None:
    app, _ = stubbed()
    async with browser(app, **BROWSER, **SAME_SITE) as http:
        answer = await http.post("/en/staff/sign-in", data={"login_id": "HOM-0001", "password": "secret"})
    assert answer.status_code == 503
    assert 'href="/en/staff/sign-in">Try again</a>' in answer.text
    assert "secret" not in answer.text


async def test_a_page_is_answered_by_its_deadline_whatever_it_waits_for(monkeypatch) -> None:
    app, client = stubbed()
    await app.state.gateway.keys.refresh()  # so that the session is known

    async def never(*_asked: object, **_more: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(client, "call", never)
    monkeypatch.setattr(error_pages, "PAGE_SECONDS", 0.05)
    async with browser(app, **BROWSER, **as_staff("department")) as http:
        answer = await http.get("/en/desk")
    assert answer.status_code == 503


PASSWORD_INPUT = re.compile(
    r'\.text\((?:prefix ~ )?"(?P<name>\w+)"(?=[^}]*type="password")(?:[^}]*field="(?P<field>\w+)")?'
    r'|govukPasswordInput\(\{[^}]*"name": "(?P<own>\w+)"|<input[^>]*type="password"[^>]*name="(?P<raw>\w+)"'
)


def secret_inputs(source: str) -> set[str]:
    """Return the names of the fields of a template whose characters a browser hides."""
    found = PASSWORD_INPUT.finditer(source)
    return {next(filter(None, (one["field"], one["name"], one["own"], one["raw"]))) for one in found}


def test_each_field_whose_characters_a_browser_hides_is_a_secret() -> None:
    sources = [path.read_text(encoding="utf-8") for path in TEMPLATES.rglob("*.html")]
    typed = [one for source in sources for one in re.findall(r'type="password"|govukPasswordInput\(', source)]
    named = [name for source in sources for name in secret_inputs(source)]
    assert len(named) == len(typed) >= 7, "each is found"
    assert set(named) <= SECRET_FIELDS
    assert secret_inputs('{{ fields.text("code", _("C"), errors, type="password") }}') == {"code"}


@pytest.mark.parametrize("error", [Unavailable(), Forbidden(code="second_factor_stale")], ids=["503", "403"])
@pytest.mark.parametrize(
    ("who", "path", "form"),
    [
        ("security", "/en/gate/pin", {"pin": "739154", "again": "739154"}),
        ("department", "/en/staff/password", {"current": "old-and-secret-739154", "new": "a", "again": "a"}),
    ],
)
async def test_no_error_page_has_what_somebody_typed_as_a_secret(
    who: str, path: str, form: dict[str, str], error: ContractError
) -> None:
    answers = {"verify__set_pin": error, "accounts__change_password": error}
    session = staff_claims(who, **({"gate": None} if who == "security" else {}))
    async with browsing(session=session, **answers) as (http, _):
        answer = await http.post(path, data={**form, "key": "k"}, headers=SAME_SITE)
    assert "739154" not in answer.text
