"""What people see in a browser."""

import re
from datetime import timedelta

import pytest

from contracts.errors import InternalError, NotFound, Unavailable
from contracts.model import Language, Person
from contracts.rpc.notify import PhoneMessages, SentMessage
from services.chassis.runtime.clock import now
from services.gateway.pages.passes.routes import NOT_FOUND, UNAVAILABLE
from services.gateway.pages.phone import linked
from services.gateway.pages.shared.languages import LANGUAGES, texts
from tests.support.factories.gateway import browser, pass_view, stubbed

CODE = "aB3dE5fG7hJ9kL1mN2pQ4r"
PAGE = f"/p/{CODE}"


async def test_a_wrong_link_is_told_to_a_person_and_not_as_a_program_wants_it() -> None:
    app, _ = stubbed(issuance__view_by_link=NotFound())
    async with browser(app) as http:
        answer = await http.get(PAGE)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert all(texts(language).gettext(NOT_FOUND) in answer.text for language in LANGUAGES)


async def test_while_issuance_is_down_the_page_says_what_still_works() -> None:
    app, _ = stubbed(issuance__view_by_link=Unavailable())
    async with browser(app) as http:
        answer = await http.get(PAGE)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert texts("pa").gettext(UNAVAILABLE) in answer.text


async def test_a_fault_behind_the_page_is_a_fault() -> None:
    app, _ = stubbed(issuance__view_by_link=InternalError())
    async with browser(app) as http:
        assert (await http.get(PAGE)).status_code == 500


async def test_a_name_cannot_become_markup() -> None:
    person = Person(name="<script>alert(1)</script>", name_latin="<b>")
    app, _ = stubbed(issuance__view_by_link=pass_view(applicant=person))
    async with browser(app) as http:
        text = (await http.get(PAGE)).text
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def messages(*texts: str) -> PhoneMessages:
    return PhoneMessages(
        items=tuple(
            SentMessage(
                at=now() - timedelta(minutes=5),
                to="+919876543210",
                channel="sms",
                purpose="pass",
                language="en",
                text=text,
            )
            for text in texts
        )
    )


async def test_the_phone_shows_messages_with_their_links() -> None:
    app, _ = stubbed(
        notify__local_phone=messages(f"Your pass: http://127.0.0.1:8080{PAGE}. Carry an ID <now>")
    )
    async with browser(app) as http:
        text = (await http.get("/dev/phone?mobile=98765 43210")).text
    assert f'<a href="http://127.0.0.1:8080{PAGE}">' in text
    assert "&lt;now&gt;" in text


async def test_the_phone_asks_for_a_number_and_takes_none_that_is_no_mobile() -> None:
    app, client = stubbed(notify__local_phone=messages())
    async with browser(app) as http:
        assert "<form" in (await http.get("/dev/phone")).text
        assert "no mobile number" in (await http.get("/dev/phone?mobile=12")).text
        assert not client.asked
        assert "No message yet" in (await http.get("/dev/phone?mobile=9876543210")).text
        client.answers["notify.local_phone"] = Unavailable()
        assert "cannot be read" in (await http.get("/dev/phone?mobile=9876543210")).text


def test_a_sentence_after_a_link_is_not_part_of_it() -> None:
    assert linked("See http://x.test/p/a. Or (http://x.test/p/b)!") == (
        'See <a href="http://x.test/p/a">http://x.test/p/a</a>. Or (<a href="http://x.test/p/b">http://x.test/p/b</a>)!'
    )
    assert linked("ਵੇਖੋ http://x.test/p/a। ਧੰਨਵਾਦ").startswith('ਵੇਖੋ <a href="http://x.test/p/a">')


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
async def test_the_landing_page_leads_everybody_to_where_they_want_to_go(language: Language) -> None:
    app, _ = stubbed()
    async with browser(app) as http:
        text = (await http.get(f"/{language}")).text
        for inner in ("apply", "status", "applications", "staff/sign-in", "kiosk"):
            assert f'href="/{language}/{inner}"' in text, inner
        assert all(f'href="/{other}"' in text for other in LANGUAGES), "each page offers the other languages"
    assert f'<html lang="{language}"' in text


async def test_only_the_demonstration_leads_to_its_phone_and_to_the_interface() -> None:
    for local_mode in (True, False):
        app, _ = stubbed(given={"local_mode": local_mode})
        async with browser(app) as http:
            text = (await http.get("/en")).text
        assert [f'href="{path}"' in text for path in ("/dev/phone", "/docs")] == [local_mode] * 2


async def test_no_page_loads_anything_from_elsewhere_or_has_script_or_style_in_it() -> None:
    app, _ = stubbed(notify__local_phone=messages("hello"))
    async with browser(app) as http:
        for path in ("/en", "/docs", PAGE, "/dev/phone", "/dev/phone?mobile=9876543210"):
            text = (await http.get(path)).text
            for address in re.findall(r'(?:src|href)="([^"]+)"', text):
                assert re.match(r"/(?!/)|#", address), (path, address)
                if address.startswith("/static/"):
                    assert (await http.get(address)).status_code == 200, address
            assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", text), path
