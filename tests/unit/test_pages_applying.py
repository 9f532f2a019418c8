"""Applying through the pages: one question a page, every rule asked of the service, nothing lost on the way."""

import re
from collections.abc import AsyncIterator
from datetime import date, time
from typing import Any

import httpx
import pytest

from contracts.errors import FieldError, InvalidInput, NotAuthenticated, Unavailable
from contracts.events import OfficerRecord, OpeningHours, SiteRecord
from contracts.rpc import Acknowledged, ApplicantSession, Checked, DepartmentList, DepartmentView, OfficerList, OtpRequest, SiteList
from services.chassis.clock import now
from tests.factories_gateway import REFERENCE, TableClient, browser, claims, signed, stubbed

SITE = SiteRecord(
    code="PCS1", name={"en": "Secretariat-1", "pa": "ਸਕੱਤਰੇਤ-1", "hi": "सचिवालय-1"}, address={"en": "Sector 1", "pa": "ਸੈਕਟਰ 1", "hi": "सेक्टर 1"},
    gates=("PCS1-G1",),
    hours=tuple(OpeningHours(weekday=day, opens=time(9), closes=time(17), valid_from=date(2020, 1, 1)) for day in range(7)),
)  # fmt: skip
HOME = DepartmentView(code="home", name={"en": "Home", "pa": "ਗ੍ਰਹਿ", "hi": "गृह"}, sites=("PCS1",))
BALDEV = OfficerRecord(
    code="baldev", name=dict.fromkeys(("en", "pa", "hi"), "Baldev Singh"), designation=dict.fromkeys(("en", "pa", "hi"), "Clerk")
)
SAME_SITE = {"Sec-Fetch-Site": "same-origin"}


def stub(**answers: Any) -> tuple[Any, TableClient]:
    usual: dict[str, Any] = {
        "application__check": Checked(name_latin="Gurprit Kaur"), "application__submit": Acknowledged(reference=REFERENCE, status="submitted"),
        "approval__sites": SiteList(items=(SITE,)), "approval__departments": DepartmentList(items=(HOME,)),
        "approval__officers": OfficerList(items=(BALDEV,)),
    }  # fmt: skip
    return stubbed(**{**usual, **answers})


class Reader:
    """Somebody at a phone: keeps cookies, follows redirects."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def open(self, path: str) -> httpx.Response:
        return await self.http.get(f"/en{path}", follow_redirects=True)

    async def send(self, path: str, **form: str) -> httpx.Response:
        return await self.http.post(f"/en{path}", data=form, headers=SAME_SITE, follow_redirects=True)

    async def answer(self, **more: str) -> httpx.Response:
        """Everything, in order, up to the page on which the answers are checked."""
        day = now().date().replace(day=1).isoformat()
        forms: list[tuple[str, dict[str, str]]] = [
            ("who", {"kind": "citizen"}), ("name", {"name": "Gurpreet Kaur"}), ("id", {"id_type": "voter_id", "id_last4": "4821"}),
            ("site", {"site": "PCS1"}), ("department", {"department": "home"}), ("officer", {"officer": "baldev"}),
            ("purpose", {"purpose_kind": "meeting", "purpose": "Arms licence renewal"}),
            ("when", {"date-0": day, "from-0": "10:00", "to-0": "12:00"}), ("companions", {"more": "no"}), ("vehicle", {"vehicle": ""}),
            ("assistance", {"assistance": ""}), ("deliver", {"deliver_by": "sms"}),
        ]  # fmt: skip
        for name, form in forms:
            shown = await self.send(f"/apply/{name}", **{**form, **{key: value for key, value in more.items() if key in form}})
            assert shown.status_code == 200, (name, shown.text)
        return shown


@pytest.fixture
async def reader() -> AsyncIterator[tuple[Reader, TableClient]]:
    app, client = stub()
    async with browser(app) as http:
        http.cookies.set("session", signed(claims("applicant")))
        yield Reader(http), client


async def test_everything_that_was_answered_reaches_the_service_once(reader: tuple[Reader, TableClient]) -> None:
    person, client = reader
    checked = await person.answer()
    assert checked.url.path == "/en/apply/check"
    key = re.search(r'name="key" value="([^"]+)"', checked.text)
    assert key is not None
    done = await person.send("/apply/check", key=key[1])
    assert REFERENCE in done.text
    _, request, principal, used = client.last("application.submit")
    assert (request.applicant.name, request.officer, request.purpose, principal.mobile, used) == (
        "Gurpreet Kaur", "baldev", "Arms licence renewal", "+919876543210", key[1],
    )  # fmt: skip


async def test_a_second_click_leads_to_the_same_reference(reader: tuple[Reader, TableClient]) -> None:
    person, client = reader
    key = re.search(r'name="key" value="([^"]+)"', (await person.answer()).text)
    assert key is not None
    await person.send("/apply/check", key=key[1])
    again = await person.send("/apply/check", key=key[1])
    assert again.url.path == "/en/apply/done"
    assert REFERENCE in again.text
    assert sum(name == "application.submit" for name, *_ in client.asked) == 1


async def test_a_rule_of_the_service_is_told_beside_the_field_in_the_readers_language() -> None:
    app, client = stub(
        application__check=Checked(
            problems=(FieldError(field="applicant.id_last4", code="full_number"), FieldError(field="site", code="unknown_site"))
        )
    )
    async with browser(app) as http:
        http.cookies.set("session", signed(claims("applicant")))
        person = Reader(http)
        await person.send("/apply/who", kind="citizen")
        refused = await person.send("/apply/id", id_type="aadhaar", id_last4="499118665246")
    assert refused.status_code == 422
    assert refused.text.count("never the whole number") >= 2, "in the summary and at the field"
    assert 'href="#id_last4"' in refused.text
    assert "Error:" in refused.text
    assert client.last("application.check")[1].applicant.id_last4 == "499118665246"


async def test_problems_of_questions_that_were_not_asked_yet_are_not_told() -> None:
    app, _ = stub(application__check=Checked(problems=(FieldError(field="purpose", code="purpose_missing"),)))
    async with browser(app) as http:
        http.cookies.set("session", signed(claims("applicant")))
        await Reader(http).send("/apply/who", kind="citizen")
        shown = await Reader(http).send("/apply/name", name="Harjit")
    assert shown.url.path == "/en/apply/id"


async def test_nobody_skips_a_question(reader: tuple[Reader, TableClient]) -> None:
    person, _ = reader
    assert (await person.open("/apply/deliver")).url.path == "/en/apply/who"
    assert (await person.open("/apply/check")).url.path == "/en/apply/who"


async def test_a_name_in_another_script_is_offered_in_english_letters(reader: tuple[Reader, TableClient]) -> None:
    person, _ = reader
    await person.send("/apply/who", kind="citizen")
    asked = await person.send("/apply/name", name="ਗੁਰਪ੍ਰੀਤ ਕੌਰ")
    assert asked.url.path == "/en/apply/name-latin"
    assert 'value="Gurprit Kaur"' in asked.text


async def test_another_site_makes_the_department_a_question_again(reader: tuple[Reader, TableClient]) -> None:
    person, _ = reader
    await person.answer()
    assert (await person.send("/apply/site", site="PCS2")).url.path == "/en/apply/department"
    assert (await person.send("/apply/department", department="home")).url.path == "/en/apply/officer"


async def test_the_answers_are_not_lost_when_a_service_does_not_answer(reader: tuple[Reader, TableClient]) -> None:
    person, client = reader
    checked = await person.answer()
    client.answers["application.submit"] = Unavailable("down")
    key = re.search(r'name="key" value="([^"]+)"', checked.text)
    assert key is not None
    calm = await person.send("/apply/check", key=key[1])
    assert calm.status_code == 503
    assert "Nothing is lost" in calm.text
    assert "down" not in calm.text.replace("load this page", "")
    client.answers["application.submit"] = Acknowledged(reference=REFERENCE, status="submitted")
    assert REFERENCE in (await person.send("/apply/check", key=key[1])).text, "the same key again"


async def test_what_the_service_refuses_at_the_end_leads_back_to_the_question(reader: tuple[Reader, TableClient]) -> None:
    person, client = reader
    checked = await person.answer()
    client.answers["application.submit"] = InvalidInput(fields=(FieldError(field="preferred.0.to", code="window_over"),))
    key = re.search(r'name="key" value="([^"]+)"', checked.text)
    assert key is not None
    refused = await person.send("/apply/check", key=key[1])
    assert refused.status_code == 422
    assert 'href="#when"' in refused.text
    assert 'value="' + key[1] not in refused.text, "another body needs another key"


async def test_a_form_of_another_site_changes_nothing(reader: tuple[Reader, TableClient]) -> None:
    person, client = reader
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}, {}):
        answer = await person.http.post("/en/apply/who", data={"kind": "citizen"}, headers=headers)
        assert answer.status_code == 403
    assert not [name for name, *_ in client.asked if name.startswith("application")]


async def test_a_code_opens_a_session_that_scripts_cannot_read_and_leads_on() -> None:
    request_id = "0195f3a2-0000-4000-8000-000000000000"
    app, client = stub(
        accounts__request_otp=OtpRequest(request_id=request_id),
        accounts__verify_otp=lambda asked: (
            ApplicantSession(access_token=signed(claims("applicant")), expires_at=now().replace(microsecond=0))
            if asked.code == "123456"
            else (_ for _ in ()).throw(NotAuthenticated(code="wrong_code"))
        ),
    )
    async with browser(app) as http:
        person = Reader(http)
        assert (await person.open("/apply/who")).url.path == "/en/sign-in"
        asked = await person.send("/sign-in", mobile="98765 43210", to="apply")
        assert asked.url.path == "/en/sign-in/code"
        assert "3210" in asked.text
        wrong = await person.send("/sign-in/code", code="000000")
        assert (wrong.status_code, "This is not the code" in wrong.text) == (422, True)
        right = await http.post("/en/sign-in/code", data={"code": "123456"}, headers=SAME_SITE)
    assert right.headers["location"] == "/en/apply/who"
    session = next(value for value in right.headers.get_list("set-cookie") if value.startswith("session="))
    assert "HttpOnly" in session
    assert "SameSite=lax" in session
    assert client.last("accounts.request_otp")[1].mobile == "98765 43210"


async def test_clearing_leaves_nothing_in_the_browser(reader: tuple[Reader, TableClient]) -> None:
    person, client = reader
    client.answers["accounts.log_out"] = Checked()
    await person.send("/apply/who", kind="citizen")
    assert [name for name in person.http.cookies if name.startswith("answers")]
    cleared = await person.send("/sign-out")
    assert cleared.url.path == "/en/cleared"
    taken_back = [value for value in cleared.history[0].headers.get_list("set-cookie") if "Max-Age=0" in value]
    assert {value.partition("=")[0] for value in taken_back} == {"session", *(f"answers{number}" for number in range(5))}
