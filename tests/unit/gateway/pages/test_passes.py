"""The page of a pass: what it says, how a pass that admits nobody looks, its calendar entry, and who may keep it."""

import re
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from contracts.errors import InternalError, NotFound, Unavailable
from contracts.events import OfficerRecord, SiteAdvice, SiteRecord
from contracts.model import Companion, Language, Person
from contracts.rpc.approval import DepartmentList, DepartmentView, OfficerList, SiteList
from contracts.rpc.verify import PassUse
from services.gateway.pages.passes.facts import ENDINGS
from services.gateway.pages.passes.routes import NOT_FOUND, UNAVAILABLE
from services.gateway.pages.shared.languages import LANGUAGES, texts
from tests.support.factories.gateway import NUMBER, REFERENCE, browser, pass_view, stubbed
from tests.support.paths import ROOT

CODE = "aB3dE5fG7hJ9kL1mN2pQ4r"
PAGE = f"/p/{CODE}"


def three(english: str, punjabi: str, hindi: str) -> dict[Language, str]:
    return {"en": english, "pa": punjabi, "hi": hindi}


SITE = SiteRecord(
    code="PCS1",
    name=three("Secretariat-1", "ਸਕੱਤਰੇਤ-1", "सचिवालय-1"),
    address=three("Sector 1, Chandigarh", "ਸੈਕਟਰ 1, ਚੰਡੀਗੜ੍ਹ", "सेक्टर 1, चंडीगढ़"),
    gates=("PCS1-G1",),
    hours=(),
    advice=SiteAdvice(
        prohibited=three("No knives", "ਚਾਕੂ ਨਹੀਂ", "चाकू नहीं"),
        declare=three("A laptop", "ਲੈਪਟਾਪ", "लैपटॉप"),
        parking=three("Outside gate 1", "ਗੇਟ 1 ਦੇ ਬਾਹਰ", "गेट 1 के बाहर"),
        wheelchair=three("Beside gate 1", "ਗੇਟ 1 ਦੇ ਨਾਲ", "गेट 1 के पास"),
    ),
)
DIRECTORY: dict[str, Any] = {
    "approval__sites": SiteList(items=(SITE,)),
    "approval__departments": DepartmentList(
        items=(
            DepartmentView(
                code="home", name=three("Home Affairs", "ਗ੍ਰਹਿ ਵਿਭਾਗ", "गृह विभाग"), sites=("PCS1",)
            ),
        )
    ),
    "approval__officers": OfficerList(
        items=(
            OfficerRecord(
                code="home-superintendent",
                name=three("Baldev Singh", "ਬਲਦੇਵ ਸਿੰਘ", "बलदेव सिंह"),
                designation=three("Superintendent", "ਸੁਪਰਡੈਂਟ", "अधीक्षक"),
            ),
        )
    ),
}
NOT_USED = PassUse(used=False)


async def text_of(path: str = PAGE, **answers: Any) -> str:
    app, _ = stubbed(**{**DIRECTORY, "verify__pass_use": NOT_USED, **answers})
    async with browser(app) as http:
        answer = await http.get(path)
    assert answer.status_code == 200
    return answer.text


async def test_it_says_all_that_a_visitor_needs_on_the_way() -> None:
    shown = pass_view(
        officer="home-superintendent", gate="PCS1-G2", assistance="wheelchair", vehicle="CH01AB1234", entries=2,
        companions=(Companion(name="Harjit Singh", id_type="pan"), Companion(name="Simran", child=True)),
    )  # fmt: skip
    text = await text_of(issuance__view_by_link=shown)
    for said in (
        "7K3M 9QW4", "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "Gurpreet Kaur", "Baldev Singh, Superintendent", "Home Affairs", "Tuesday, 1 December 2026", "10:00 am",
        "Secretariat-1", "Sector 1, Chandigarh", "PCS1-G2", "Voter ID card", "Harjit Singh", "Simran", "(child)", "CH01AB1234",
        "may not come in", "Outside gate 1", "Beside gate 1", "No knives", "A laptop", "brightness",
    ):  # fmt: skip
        assert said in text, said


async def test_it_tells_neither_how_to_reach_its_applicant_nor_what_the_id_ends_in() -> None:
    text = await text_of()
    assert "98765" not in text
    assert "4821" not in text


@pytest.mark.parametrize("language", ["pa", "hi", "en"])
async def test_it_speaks_the_language_of_the_pass_until_another_is_chosen(language: Language) -> None:
    assert f'<html lang="{language}"' in await text_of(issuance__view_by_link=pass_view(language=language))
    chosen = await text_of(f"{PAGE}?in={language}", issuance__view_by_link=pass_view(language="pa"))
    assert f'<html lang="{language}"' in chosen
    assert SITE.name[language] in chosen
    others = re.findall(r'<a class="govuk-link" href="([^"]+)" hreflang', chosen)
    assert others == [f"{PAGE}?in={other}" for other in ("pa", "hi", "en") if other != language]


async def test_a_language_that_there_is_not_is_the_language_of_the_pass() -> None:
    assert '<html lang="pa"' in await text_of(
        f"{PAGE}?in=fr", issuance__view_by_link=pass_view(language="pa")
    )


ENDED: dict[str, dict[str, Any]] = {
    "expired": {"issuance__view_by_link": pass_view(state="expired")},
    "revoked": {"issuance__view_by_link": pass_view(state="revoked", revocation="withdrawn")},
    "cancelled": {"issuance__view_by_link": pass_view(state="revoked", revocation="cancelled")},
    "replaced": {"issuance__view_by_link": pass_view(state="revoked", revocation="reissued")},
    "used": {"verify__pass_use": PassUse(used=True)},
}


@pytest.mark.parametrize("condition", ENDED)
async def test_a_pass_that_admits_nobody_says_why_and_has_no_qr_and_nothing_to_keep(condition: str) -> None:
    text = await text_of(**ENDED[condition])
    assert ENDINGS[condition] in text  # type: ignore[index]
    assert f"epass-ending--{condition}" in text
    assert "epass-qr" not in text
    assert 'd="M0 0h1"' not in text, "the drawing of the QR"
    assert 'data-pass="store"' not in text
    assert "visit.ics" not in text


async def test_a_replaced_pass_points_to_the_newer_message() -> None:
    text = await text_of(**ENDED["replaced"])
    assert "A new pass was issued in its place. Look for the newer message." in text


async def test_no_two_endings_look_alike() -> None:
    """Each has a sentence, a drawing and a colour of its own."""
    styles = (ROOT / "web" / "styles" / "_pass.scss").read_text()
    colours = dict(re.findall(r'"(\w+)": (#\w{6})', styles))
    assert colours.keys() == ENDINGS.keys()
    assert len(set(colours.values())) == len(ENDINGS)
    texts_of_all = [await text_of(**answers) for answers in ENDED.values()]
    banners = [
        re.search(r'<svg class="epass-ending__sign".*?</strong>', text, re.DOTALL) for text in texts_of_all
    ]
    drawings = {
        re.search(r"<(?:path|circle).*</svg>", banner[0], re.DOTALL)[0] for banner in banners if banner
    }  # type: ignore[index]
    assert len(drawings) == len(ENDED) == len(set(ENDINGS.values()))


async def test_a_good_pass_shows_its_qr_and_no_ending() -> None:
    text = await text_of()
    assert 'd="M0 0h1"' in text
    assert 'role="alert"' not in text
    assert re.search(r'epass-ending--expired" data-pass="over" hidden', text), (
        "for the copy on a phone, which asks its clock"
    )


async def test_while_the_gate_cannot_say_whether_it_is_used_a_pass_is_shown_as_good() -> None:
    assert 'd="M0 0h1"' in await text_of(verify__pass_use=Unavailable())


async def test_the_directory_being_down_costs_the_page_its_names_and_nothing_else() -> None:
    text = await text_of(
        **dict.fromkeys(DIRECTORY, Unavailable()),
        issuance__view_by_link=pass_view(officer="home-superintendent"),
    )
    assert "PCS1" in text
    assert "This cannot be shown just now. The gate has it." in text
    assert 'd="M0 0h1"' in text


async def test_an_officer_who_left_the_directory_is_left_out() -> None:
    text = await text_of(issuance__view_by_link=pass_view(officer="home-nobody"))
    assert "Home Affairs" in text
    assert "Baldev Singh" not in text


async def test_a_site_without_advice_gives_none() -> None:
    text = await text_of(approval__sites=SiteList(items=(SITE.model_copy(update={"advice": None}),)))
    assert "Secretariat-1" in text
    assert "Do not bring" not in text


async def test_no_cache_keeps_it_no_search_finds_it_and_no_page_is_told_of_it() -> None:
    app, _ = stubbed()
    async with browser(app) as http:
        for path in (PAGE, f"{PAGE}?in=hi", f"{PAGE}/visit.ics"):
            headers = (await http.get(path)).headers
            assert headers["cache-control"] == "private, no-store", path
            assert headers["x-robots-tag"] == "noindex, nofollow", path
            assert headers["referrer-policy"] == "no-referrer", path


async def calendar(path: str = f"{PAGE}/visit.ics", **answers: Any) -> tuple[str, Any]:
    text = await text_of(path, **answers)
    (event,) = Calendar.from_ical(text).walk("VEVENT")
    return text, event


async def test_the_visit_goes_into_a_calendar_at_its_indian_time_with_its_address() -> None:
    text, event = await calendar()
    assert event.decoded("dtstart") == datetime.combine(date(2026, 12, 1), time(10), ZoneInfo("Asia/Kolkata"))
    assert event.decoded("dtend").astimezone(UTC) == datetime(2026, 12, 1, 6, 30, tzinfo=UTC)
    assert "DTSTART;TZID=Asia/Kolkata:20261201T100000" in text
    assert "BEGIN:VTIMEZONE" in text
    assert str(event["location"]) == "Secretariat-1, Sector 1, Chandigarh, Any gate"
    assert "Home Affairs" in str(event["summary"])
    assert all(len(line.encode()) <= 75 for line in text.splitlines())


async def test_a_calendar_that_is_shared_opens_no_gate() -> None:
    text, _ = await calendar()
    unfolded = text.replace("\r\n ", "")
    for secret in (CODE, NUMBER, "4821", "98765", "Gurpreet"):
        assert secret not in unfolded, secret
    assert REFERENCE in unfolded


async def test_the_calendar_speaks_the_language_of_the_page() -> None:
    _, event = await calendar(f"{PAGE}/visit.ics?in=pa")
    assert texts("pa").gettext("Voter ID card") in str(event["description"])
    assert str(event["location"]).startswith("ਸਕੱਤਰੇਤ-1")


@pytest.mark.parametrize(
    "answer",
    [NotFound(), *(answers["issuance__view_by_link"] for name, answers in ENDED.items() if name != "used")],
)
async def test_a_visit_that_will_not_be_goes_into_no_calendar(answer: Any) -> None:
    app, _ = stubbed(issuance__view_by_link=answer)
    async with browser(app) as http:
        got = await http.get(f"{PAGE}/visit.ics")
    assert got.status_code == 404
    assert got.headers["content-type"].startswith("text/html")


async def test_the_worker_that_keeps_passes_comes_from_beside_them_and_touches_nothing_else() -> None:
    app, _ = stubbed()
    async with browser(app) as http:
        worker = await http.get("/p/worker.js")
    assert worker.headers["content-type"].startswith("text/javascript")
    assert "service-worker-allowed" not in worker.headers, "then its scope is /p/"
    assert "addEventListener" in worker.text


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
