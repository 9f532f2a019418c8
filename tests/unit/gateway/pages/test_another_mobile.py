"""The pages on which an applicant, or the reception, gives an application another mobile number."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest

from contracts.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    TooManyAttempts,
    Unavailable,
)
from contracts.rpc.accounts.sessions import ApplicantSession, OtpAccepted
from contracts.rpc.application import NOT_OPENED, Acknowledged, StatusView
from contracts.rpc.call import Nothing
from services.chassis.runtime.clock import now
from tests.support.factories.gateway import REFERENCE, claims, signed, staff_claims
from tests.support.factories.pages import application, counter_application
from tests.support.system.page_reader import SAME_SITE, Reader, hidden, somebody, visiting

PAGE = f"/applications/{REFERENCE}/mobile"
COUNTER = f"/counter{PAGE}"
NEW = "+919811122233"
HOLDER = signed(claims("applicant", sub="applicant:new", mobile=NEW))
SESSION = ApplicantSession(access_token=HOLDER, expires_at=now() + timedelta(hours=1))


def answers() -> dict[str, object]:
    return {
        "application__view": application(),
        "accounts__request_otp": OtpAccepted(request_id=uuid4()),
        "accounts__verify_otp": SESSION,
        "accounts__log_out": Nothing(),
        "application__change_mobile": Acknowledged(reference=REFERENCE, status="issued"),
    }


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    """Yield an applicant whose application is open."""
    async with somebody(**answers()) as person:
        yield person


@pytest.fixture
async def operator() -> AsyncIterator[Reader]:
    async with visiting(
        **(answers() | {"application__view": counter_application()}), session=staff_claims("reception")
    ) as person:
        yield person


def session_of(person: Reader) -> str | None:
    """Return the newest session of the browser."""
    return [one.value for one in person.http.cookies.jar if one.name == "session"][-1]


async def asked(person: Reader, mobile: str = NEW) -> httpx.Response:
    """Enter a new number; return the page that asks for the code."""
    return await person.send(PAGE, mobile=mobile, key="one-key")


async def test_the_code_for_the_new_number_changes_it(reader: Reader) -> None:
    page = await asked(reader)
    assert "2233" in page.text
    assert reader.client.last("accounts.request_otp")[1].mobile == NEW
    changed = await reader.send(f"{PAGE}/code", code="੪੮੨ 917")
    request = reader.client.last("application.change_mobile")[1]
    assert reader.client.last("accounts.verify_otp")[1].code == "482917"
    assert (request.reference, request.proof.session) == (REFERENCE, HOLDER)
    assert "The mobile number is changed" in changed.text
    assert session_of(reader) == HOLDER, "they go on with the new number"


async def test_no_address_has_a_number(reader: Reader) -> None:
    sent = await reader.http.post(f"/en{PAGE}", data={"mobile": NEW, "key": "k"}, headers=SAME_SITE)
    assert sent.headers["location"] == f"/en{PAGE}/code"


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("", "Enter the new mobile number"),
        ("98", "Enter a mobile number, such as 98765 43210"),
        ("98765 43210", "This is the number of the application already"),
    ],
)
async def test_a_wrong_number_gets_its_sentence_and_no_code_is_sent(
    reader: Reader, typed: str, sentence: str
) -> None:
    page = await asked(reader, typed)
    assert page.status_code == 422
    assert page.text.count(sentence) == 2, "in the summary and at the field"
    assert "accounts.request_otp" not in [name for name, *_ in reader.client.asked]


@pytest.mark.parametrize(
    ("refusal", "status", "words"),
    [
        (NotAuthenticated(code="wrong_code", tries_left=3), 422, "You can try 3 more times"),
        (NotAuthenticated(code="wrong_code", tries_left=0), 422, "tried too many times"),
        (NotAuthenticated(code="code_expired"), 422, "This code has expired"),
        (TooManyAttempts(retry_after=60, limit="number"), 429, "Too many codes were requested"),
        (Unavailable("down"), 503, "Please wait a moment"),
    ],
    ids=lambda value: getattr(getattr(value, "body", None), "code", None),
)
async def test_a_refused_code_changes_nothing_and_says_why(
    reader: Reader, refusal: Exception, status: int, words: str
) -> None:
    await asked(reader)
    reader.client.answers["accounts.verify_otp"] = refusal
    page = await reader.send(f"{PAGE}/code", code="482917")
    assert (page.status_code, words in page.text) == (status, True)
    assert session_of(reader) != HOLDER


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (Conflict(code="cannot_change_mobile"), "This is no longer possible"),
        (Conflict(code="too_many_open"), "too many open applications"),
        (TooManyAttempts(retry_after=60, limit="application"), "changed three times today"),
        (InvalidInput.of("mobile", "same_mobile"), "This is the number of the application already"),
    ],
    ids=lambda value: getattr(getattr(value, "body", None), "code", None),
)
async def test_a_refused_change_ends_the_session_of_the_new_number_and_its_code(
    reader: Reader, refusal: Exception, words: str
) -> None:
    await asked(reader)
    reader.client.answers["application.change_mobile"] = refusal
    page = await reader.send(f"{PAGE}/code", code="482917")
    assert words in page.text
    assert session_of(reader) != HOLDER
    assert reader.client.last("accounts.log_out")
    assert "number ending in" not in (await reader.open(f"{PAGE}/code")).text, "no page asks for it again"


async def test_the_code_of_a_refused_change_moves_nothing_later(reader: Reader) -> None:
    """accounts answers a repeat with the session that has ended, and the change would be possible by now."""
    place, code = f"/api/v1{PAGE}", {"request_id": str(uuid4()), "code": "482917"}
    headers = {"Authorization": f"Bearer {signed(claims('applicant'))}", "Idempotency-Key": "one-key"}
    reader.client.answers["application.change_mobile"] = Conflict(code="too_many_open")
    assert (await reader.http.post(place, json=code, headers=headers)).status_code == 409
    reader.client.answers["application.change_mobile"] = Acknowledged(reference=REFERENCE, status="issued")
    later = await reader.http.post(place, json=code, headers=headers)
    assert (later.status_code, later.json()["code"]) == (401, "code_used")


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("sms", "If there is a pass, it is sent there at once"),
        ("email", "Its pass goes to your email address"),
        ("printed", "If there is a pass, it is sent there at once"),
    ],
)
async def test_the_page_promises_the_pass_only_where_it_is_sent(reader: Reader, way: str, words: str) -> None:
    reader.client.answers["application.view"] = application(deliver_by=way)
    page = await reader.open(PAGE)
    assert words in page.text
    assert ("sent there at once" in page.text) == (way != "email")


async def test_the_card_opens_the_page_first(reader: Reader) -> None:
    reader.client.answers["application.view"] = Forbidden(code=NOT_OPENED)
    page = await reader.open(PAGE)
    assert hidden(page)["onward"] == "mobile"


async def test_without_a_session_the_number_so_far_is_proved_first() -> None:
    async with visiting(**answers()) as person:
        answer = await person.http.get(f"/en{PAGE}")
        assert answer.status_code == 303
        assert "/sign-in" in answer.headers["location"]


async def test_the_status_page_leads_there_by_a_code_to_the_number_so_far() -> None:
    found = StatusView(reference=REFERENCE, status="issued", site="PCS1", department="home", timeline=())
    async with visiting(**answers(), application__status=found) as reader:
        page = await reader.send("/status", reference=REFERENCE, mobile_last4="3210")
        assert f'href="/en/sign-in?to=applications/{REFERENCE}/mobile"' in page.text
        assert "come to the reception counter with your ID card" in page.text


async def test_an_application_that_has_ended_offers_no_change(reader: Reader) -> None:
    assert PAGE in (await reader.open(f"/applications/{REFERENCE}")).text
    reader.client.answers["application.view"] = application(status="cancelled")
    assert PAGE not in (await reader.open(f"/applications/{REFERENCE}")).text
    assert "New mobile number" not in (await reader.open(PAGE)).text


# ------------------------------------------------------------- at the reception


async def typed_at_counter(person: Reader) -> None:
    """Enter number and card at the counter, which leads to the page that asks for the code."""
    page = await person.send(COUNTER, mobile=NEW, id_last4="4821", key="one-key")
    assert (page.status_code, "2233" in page.text) == (200, True)


async def test_the_reception_changes_it_with_card_and_code(operator: Reader) -> None:
    await typed_at_counter(operator)
    page = await operator.send(f"{COUNTER}/code", code="482917")
    request = operator.client.last("application.change_mobile")[1]
    assert (request.reference, request.proof.session, request.id_last4) == (REFERENCE, HOLDER, "4821")
    assert "The mobile number is changed" in page.text
    assert session_of(operator) != HOLDER, "the operator stays who they are"
    assert operator.client.last("accounts.log_out"), "and nobody has the visitor's session"


async def test_no_operator_asks_for_a_code_that_is_to_be_shared_with_nobody(operator: Reader) -> None:
    first = await operator.http.get(f"/en{COUNTER}")
    assert "enters it here themselves" in first.text
    await typed_at_counter(operator)
    page = await operator.open(f"{COUNTER}/code")
    assert "tell it to nobody, not even to you" in page.text


async def test_the_reception_needs_both_card_and_number(operator: Reader) -> None:
    page = await operator.send(COUNTER, mobile="", id_last4="", key="one-key")
    assert page.status_code == 422
    assert "Enter the new mobile number" in page.text
    assert "Enter the last four characters" in page.text


@pytest.mark.parametrize(
    ("refusal", "status", "words"),
    [
        (InvalidInput.of("id_last4", "other_last4"), 422, "These are not the last four characters"),
        (InvalidInput.of("mobile", "same_mobile"), 422, "This is the number of the application already"),
        (Conflict(code="cannot_change_mobile"), 422, "This application has ended"),
        (TooManyAttempts(retry_after=3600, limit="operator"), 429, "A colleague at this counter can go on"),
        (NotFound("there is no such application"), 404, ""),
    ],
    ids=["card", "number", "ended", "too many", "elsewhere"],
)
async def test_what_the_service_refuses_is_said_at_its_field(
    operator: Reader, refusal: Exception, status: int, words: str
) -> None:
    await typed_at_counter(operator)
    operator.client.answers["application.change_mobile"] = refusal
    page = await operator.send(f"{COUNTER}/code", code="482917")
    assert (page.status_code, words in page.text) == (status, True)


LIMITED = now() + timedelta(hours=5)


async def test_an_applicant_who_has_had_the_days_changes_reads_it_before_a_code_is_sent(
    reader: Reader,
) -> None:
    reader.client.answers["application.view"] = application(mobile_change_after=LIMITED)
    page = await reader.open(PAGE)
    assert "was changed three times within a day" in page.text
    assert "the reception counter can change it before that" in page.text
    assert 'name="mobile"' not in page.text
    assert (await asked(reader)).status_code == 429, "a page that was open before"
    assert not reader.client.was_asked("accounts.request_otp")

    reader.client.answers["application.view"] = application(mobile_change_after=now() - timedelta(seconds=1))
    await asked(reader)
    assert reader.client.was_asked("accounts.request_otp")


async def test_an_operator_who_has_had_the_days_changes_reads_it_before_a_code_is_sent(
    operator: Reader,
) -> None:
    operator.client.answers["application.view"] = counter_application(mobile_change_after=LIMITED)
    page = await operator.open(COUNTER)
    assert "the numbers of twenty applications were changed within a day" in page.text
    assert 'name="mobile"' not in page.text
    assert (await operator.send(COUNTER, mobile=NEW, id_last4="4821", key="k")).status_code == 429
    assert not operator.client.was_asked("accounts.request_otp")


@pytest.mark.parametrize(
    ("found", "card", "status", "words"),
    [
        ({}, "4822", 422, "These are not the last four characters"),
        ({}, "12344821", 422, "Enter the last four characters only"),
        ({"status": "cancelled"}, "4821", 422, "This application has ended"),
        ({"site": "PCS2"}, "4821", 404, ""),
    ],
    ids=["card", "whole number", "ended", "elsewhere"],
)
async def test_the_visitor_gets_no_code_for_what_will_be_refused(
    operator: Reader, found: dict[str, str], card: str, status: int, words: str
) -> None:
    operator.client.answers["application.view"] = counter_application(**found)
    page = await operator.send(COUNTER, mobile=NEW, id_last4=card, key="one-key")
    assert (page.status_code, words in page.text) == (status, True)
    assert "accounts.request_otp" not in [name for name, *_ in operator.client.asked]
