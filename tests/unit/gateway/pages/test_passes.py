"""The page of a pass: its facts, a pass that admits nobody, its calendar file, and who may store it."""

import re
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from contracts.errors import InternalError, NotFound, Unavailable
from contracts.events import OfficerRecord, SiteAdvice, SiteRecord
from contracts.model import Companion, Language, Person
from contracts.rpc.approval.directory import DepartmentList, DepartmentView, OfficerList, SiteList
from contracts.rpc.issuance import WholeLink
from contracts.rpc.verify.scans import PassUse
from services.gateway.pages.passes.facts import ENDINGS
from services.gateway.pages.passes.routes import NOT_FOUND, UNAVAILABLE
from services.gateway.pages.shared.languages import LANGUAGES, texts
from tests.support.factories.gateway import NUMBER, REFERENCE, browsing, pass_view
from tests.support.stack.paths import ROOT

CODE = "aB3dE5fG7hJ9kL1mN2pQ4r"
PAGE = f"/p/{CODE}"


def three(english: str, punjabi: str, hindi: str) -> dict[Language, str]:
    return {"en": english, "pa": punjabi, "hi": hindi}


SITE = SiteRecord(
    code="PCS1",
    name=three("Secretariat-1", "ਸਕੱਤਰੇਤ-1", "सचिवालय-1"),
    address=three("Sector 1, Chandigarh", "ਸੈਕਟਰ 1, ਚੰਡੀਗੜ੍ਹ", "सेक्टर 1, चंडीगढ़"),
    gates=("PCS1-G1", "PCS1-G2"),
    gate_names={"PCS1-G2": three("Gate 2 (back)", "ਗੇਟ 2 (ਪਿਛਲਾ)", "गेट 2 (पिछला)")},
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
    async with browsing(**{**DIRECTORY, "verify__pass_use": NOT_USED, **answers}) as (http, _):
        answer = await http.get(path)
    assert answer.status_code == 200
    return answer.text


async def test_the_pass_page_shows_all_that_a_visitor_needs_on_the_way() -> None:
    shown = pass_view(
        officer="home-superintendent", gate="PCS1-G2", assistance="wheelchair", vehicle="CH01AB1234",
        entries=2,
        companions=(Companion(name="Harjit Singh", id_type="pan"), Companion(name="Simran", child=True)),
    )  # fmt: skip
    text = await text_of(issuance__view_by_link=shown)
    for phrase in (
        "7K3M 9QW3", "ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "Gurpreet Kaur", "Baldev Singh, Superintendent", "Home Affairs",
        "Tuesday, 1 December 2026", "10:00 am",
        "Secretariat-1", "Sector 1, Chandigarh", "Gate 2 (back)", "Voter ID card", "Harjit Singh", "Simran",
        "(child)", "CH01AB1234",
        "may not come in", "Outside gate 1", "Beside gate 1", "No knives", "A laptop", "brightness",
    ):  # fmt: skip
        assert phrase in text, phrase


async def test_the_pass_page_says_which_day_fell_away_because_the_department_closed_it() -> None:
    shown = pass_view(further_days=(date(2026, 12, 3),), closed_days=(date(2026, 12, 2),))
    text = await text_of(issuance__view_by_link=shown)
    assert "1 December and 3 December 2026" in text
    assert "Wednesday, 2 December 2026" in text
    assert "The department has closed this day" in text
    assert "The department has closed this day" not in await text_of()


async def test_the_pass_page_shows_neither_the_mobile_nor_the_last_four_of_the_id() -> None:
    text = await text_of()
    assert "98765" not in text
    assert "4821" not in text


@pytest.mark.parametrize("language", ["pa", "hi", "en"])
async def test_the_pass_page_is_in_the_language_of_the_pass_until_another_is_chosen(
    language: Language,
) -> None:
    assert f'<html lang="{language}"' in await text_of(issuance__view_by_link=pass_view(language=language))
    chosen = await text_of(f"{PAGE}?in={language}", issuance__view_by_link=pass_view(language="pa"))
    assert f'<html lang="{language}"' in chosen
    assert SITE.name[language] in chosen
    others = re.findall(r'<a class="govuk-link" href="([^"]+)" hreflang', chosen)
    assert others == [f"{PAGE}?in={other}" for other in ("pa", "hi", "en") if other != language]


async def test_an_unknown_language_falls_back_to_that_of_the_pass() -> None:
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
async def test_a_pass_that_admits_nobody_shows_why_and_offers_neither_qr_nor_copy(condition: str) -> None:
    text = await text_of(**ENDED[condition])
    assert ENDINGS[condition] in text  # type: ignore[index]
    assert f"epass-ending--{condition}" in text
    assert "epass-qr" not in text
    assert 'd="M0 0h1"' not in text, "the drawing of the QR"
    assert 'data-pass="store"' not in text
    assert "visit.ics" not in text


@pytest.mark.parametrize(
    ("revocation", "why", "onward"),
    [
        ("withdrawn", "The department withdrew its approval", "See why, or apply again"),
        ("security", "For security reasons", "See why, or apply again"),
        ("day_closed", "The department closed the day of the visit", "Choose another date"),
        ("cancelled", "This visit was cancelled", "Apply again with the same answers"),
    ],
)
async def test_a_revoked_pass_says_why_and_leads_to_a_new_one(revocation: str, why: str, onward: str) -> None:
    shown = pass_view(state="revoked", revocation=revocation)
    text = await text_of(f"{PAGE}?in=en", issuance__view_by_link=shown)
    assert why in text
    assert re.search(rf'href="/en/s/{shown.reference}">{onward}', text)


async def test_a_replaced_pass_points_to_the_newer_message() -> None:
    text = await text_of(**ENDED["replaced"])
    assert "A new pass was issued in its place. Look for the newer message." in text


async def test_each_ending_of_a_pass_has_its_own_sign() -> None:
    """Each has its own sentence, sign and colour."""
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


async def test_while_verify_does_not_answer_a_pass_is_shown_as_valid() -> None:
    assert 'd="M0 0h1"' in await text_of(verify__pass_use=Unavailable())


async def test_while_the_directory_is_down_the_pass_page_lacks_only_names() -> None:
    text = await text_of(
        **dict.fromkeys(DIRECTORY, Unavailable()),
        issuance__view_by_link=pass_view(officer="home-superintendent"),
    )
    assert "PCS1" in text
    assert "This cannot be shown just now. The gate has it." in text
    assert 'd="M0 0h1"' in text


async def test_an_officer_who_is_not_in_the_directory_any_more_is_left_out() -> None:
    text = await text_of(issuance__view_by_link=pass_view(officer="home-nobody"))
    assert "Home Affairs" in text
    assert "Baldev Singh" not in text


async def test_a_site_without_advice_shows_none() -> None:
    text = await text_of(approval__sites=SiteList(items=(SITE.model_copy(update={"advice": None}),)))
    assert "Secretariat-1" in text
    assert "Do not bring" not in text


async def test_the_pass_page_is_not_cached_not_indexed_and_sends_no_referrer() -> None:
    async with browsing() as (http, _):
        for path in (PAGE, f"{PAGE}?in=hi", f"{PAGE}/visit.ics"):
            headers = (await http.get(path)).headers
            assert headers["cache-control"] == "private, no-store", path
            assert headers["x-robots-tag"] == "noindex, nofollow", path
            assert headers["referrer-policy"] == "no-referrer", path


@pytest.mark.parametrize(("language", "gate"), [("en", "Gate 1"), ("pa", "ਗੇਟ 1"), ("hi", "गेट 1")])
async def test_a_gate_without_a_name_is_called_by_its_number(language: str, gate: str) -> None:
    text = await text_of(f"{PAGE}?in={language}", issuance__view_by_link=pass_view(gate="PCS1-G1"))
    assert gate in text
    assert "PCS1-G1" not in text


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
    _, named = await calendar(issuance__view_by_link=pass_view(gate="PCS1-G2"))
    assert str(named["location"]).endswith("Chandigarh, Gate 2 (back)")
    assert all(len(line.encode()) <= 75 for line in text.splitlines())


SEVERAL = {
    "issuance__view_by_link": pass_view(
        further_days=(date(2026, 12, 2), date(2026, 12, 4)),
        valid_from=datetime(2026, 12, 1, 4, tzinfo=UTC),
        valid_to=datetime(2026, 12, 1, 7, tzinfo=UTC),
    )
}


async def test_a_pass_for_several_days_shows_them_and_is_good_until_the_last() -> None:
    text = " ".join((await text_of(**SEVERAL)).split())
    assert "1–2 December and 4 December 2026" in text
    assert "Time, each day" in text
    assert "Entries, each day" in text
    assert 'data-until="2026-12-04T07:00:00+00:00"' in text
    assert "1–2 ਦਸੰਬਰ ਅਤੇ 4 ਦਸੰਬਰ 2026" in await text_of(f"{PAGE}?in=pa", **SEVERAL)


async def test_each_day_of_a_visit_goes_into_the_calendar() -> None:
    events = Calendar.from_ical(await text_of(f"{PAGE}/visit.ics", **SEVERAL)).walk("VEVENT")
    assert [event.decoded("dtstart").day for event in events] == [1, 2, 4]
    assert {event.decoded("dtend").hour for event in events} == {12}
    assert [str(event["uid"]) for event in events] == [
        f"{REFERENCE}@e-pass",
        f"{REFERENCE}-2@e-pass",
        f"{REFERENCE}-3@e-pass",
    ]


async def test_the_calendar_file_holds_neither_link_nor_pass_number() -> None:
    text, _ = await calendar()
    unfolded = text.replace("\r\n ", "")
    for secret in (CODE, NUMBER, "4821", "98765", "Gurpreet"):
        assert secret not in unfolded, secret
    assert REFERENCE in unfolded


async def test_the_calendar_file_is_in_the_language_of_the_page() -> None:
    _, event = await calendar(f"{PAGE}/visit.ics?in=pa")
    assert texts("pa").gettext("Voter ID card") in str(event["description"])
    assert str(event["location"]).startswith("ਸਕੱਤਰੇਤ-1")


@pytest.mark.parametrize(
    "answer",
    [NotFound(), *(answers["issuance__view_by_link"] for name, answers in ENDED.items() if name != "used")],
)
async def test_a_cancelled_visit_has_no_calendar_file(answer: Any) -> None:
    async with browsing(issuance__view_by_link=answer) as (http, _):
        got = await http.get(f"{PAGE}/visit.ics")
    assert got.status_code == 404
    assert got.headers["content-type"].startswith("text/html")


async def test_the_service_worker_controls_pass_pages_only() -> None:
    async with browsing() as (http, _):
        worker = await http.get("/p/worker.js")
    assert worker.headers["content-type"].startswith("text/javascript")
    assert "service-worker-allowed" not in worker.headers, "then its scope is /p/"
    assert "addEventListener" in worker.text


async def test_a_wrong_link_shows_a_page_in_all_languages() -> None:
    async with browsing(issuance__view_by_link=NotFound()) as (http, _):
        answer = await http.get(PAGE)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert all(texts(language).gettext(NOT_FOUND) in answer.text for language in LANGUAGES)


async def test_while_issuance_is_down_the_pass_page_explains_what_still_works() -> None:
    async with browsing(issuance__view_by_link=Unavailable()) as (http, _):
        answer = await http.get(PAGE)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert texts("pa").gettext(UNAVAILABLE) in answer.text


async def test_an_internal_error_behind_the_pass_page_is_status_500() -> None:
    async with browsing(issuance__view_by_link=InternalError()) as (http, _):
        assert (await http.get(PAGE)).status_code == 500


async def test_a_name_cannot_become_markup() -> None:
    person = Person(name="<script>alert(1)</script>", name_latin="<b>")
    async with browsing(issuance__view_by_link=pass_view(applicant=person)) as (http, _):
        text = (await http.get(PAGE)).text
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


async def test_a_short_link_leads_to_the_page_of_the_pass() -> None:
    async with browsing(issuance__whole_link=WholeLink(code="aB3dE5fG7hJ9kL1mN2pQ4r")) as (http, client):
        answer = await http.get("/q/aB3dE5fG7h", follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/p/aB3dE5fG7hJ9kL1mN2pQ4r")
        assert answer.headers["x-robots-tag"] == "noindex, nofollow"
        client.answers["issuance.whole_link"] = NotFound("there is no such pass")
        assert (await http.get("/q/aB3dE5fG7x")).status_code == 404
        client.answers["issuance.whole_link"] = Unavailable()
        assert (await http.get("/q/aB3dE5fG7h")).status_code == 503
