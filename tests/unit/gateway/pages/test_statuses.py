"""The status of an application by its reference and the last four of an ID, and by the link of a message."""

import re
from datetime import date, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest

from contracts.crockford import new_reference
from contracts.errors import NotAuthenticated, NotFound, TooManyAttempts, Unavailable
from contracts.model import IST
from contracts.rpc.accounts.sessions import ApplicantSession, OtpAccepted
from contracts.rpc.application import NumberToProve, StatusView
from contracts.rpc.call import Nothing
from contracts.rpc.requests import RequestStatus
from services.chassis.runtime.clock import now
from services.gateway.pages import sign_in
from services.gateway.pages.shared.answers import Answers, AnswersCookie
from tests.support.factories.gateway import REFERENCE, browser, claims, signed
from tests.support.factories.pages import application, happened
from tests.support.system.page_reader import Reader, closed, hidden, stub, visiting, without_keys
from tests.unit.gateway.pages.applicant import PAGE, wait


def seen(status: Any, happening: str = "submitted") -> StatusView:
    return StatusView(
        reference=REFERENCE, status=status, site="PCS1", department="home", timeline=(happened(happening),)
    )


async def test_a_wrong_reference_and_a_wrong_last_four_get_the_same_answer() -> None:
    found = seen("submitted")

    def answer(asked: Any) -> StatusView:
        if (asked.reference, asked.mobile_last4) != (REFERENCE, "3210"):
            raise NotFound("there is no such application")
        return found

    async with visiting(application__status=answer, application__durations=wait()) as person:
        right = await person.send("/status", reference=REFERENCE, mobile_last4="3210")
        wrong = [
            await person.send("/status", reference=reference, mobile_last4=last4)
            for reference, last4 in ((REFERENCE, "0000"), ("PCS-0000-0000", "3210"))
        ]
    assert right.status_code == 200
    assert "Now with: Home" in right.text
    assert "within 3 hours" in right.text
    plain = [re.sub(r'value="[^"]*"', "", one.text) for one in wrong]
    assert (wrong[0].status_code, wrong[1].status_code) == (422, 422)
    assert plain[0] == plain[1]
    assert "There is no application with this reference and this mobile number" in plain[0]
    assert sum(name == "approval.whereabouts" for name, *_ in person.client.asked) == 1, (
        "of the right one only"
    )


REQUEST = "REQ-7K3M-9QW4"
SENT = RequestStatus(
    request_number=REQUEST,
    sent_at=datetime(2026, 3, 2, 12, tzinfo=IST),
    answer_by=datetime(2026, 5, 31, 12, tzinfo=IST),
)


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (SENT, ("We received it on:", "2 March 2026", "at the latest by:", "31 May 2026")),
        (SENT.model_copy(update={"answered_at": SENT.answer_by}), ("It was answered on:", "31 May 2026")),
        (SENT.model_copy(update={"closed_at": SENT.answer_by}), ("It was closed without an answer.",)),
    ],
)
async def test_a_complaint_is_followed_by_its_number_and_the_same_four_digits(
    found: RequestStatus, says: tuple[str, ...]
) -> None:
    async with visiting(application__request_status=found) as person:
        shown = await person.send("/status", reference="req 7k3m 9qw4", mobile_last4="3210")
        await person.send("/status/result")
    assert [one for one in says if one not in shown.text] == []
    asked = person.client.last("application.request_status")[1]
    assert (asked.request_number, asked.mobile_last4) == ("req 7k3m 9qw4", "3210")
    assert not person.client.was_asked("application.status")
    assert not person.client.was_asked("notify.wrong_number"), "it is no application"


async def test_a_wrong_number_of_a_complaint_gets_the_answer_of_a_wrong_reference() -> None:
    answers = {"application__request_status": NotFound(), "application__status": NotFound()}
    async with visiting(**answers) as person:
        both = [
            await person.send("/status", reference=one, mobile_last4="0000") for one in (REQUEST, REFERENCE)
        ]
    plain = [re.sub(r'value="[^"]*"', "", one.text) for one in both]
    assert (both[0].status_code, plain[0]) == (422, plain[1])


async def test_who_got_the_messages_of_somebody_else_stops_them_after_the_digits_were_checked() -> None:
    found = seen("issued")
    async with visiting(application__status=found, notify__wrong_number=Nothing()) as person:
        assert (await person.send("/status/result")).url.path == "/en/status"
        assert not person.client.was_asked("notify.wrong_number"), "nobody has typed the digits"
        await person.send("/status", reference=REFERENCE, mobile_last4="3210")
        stopped = await person.send("/status/result")
    assert person.client.last("notify.wrong_number")[1].mobile_last4 == "3210"
    assert "gets no more messages about this application, unless the visit or its pass" in stopped.text
    assert "If a code has confirmed this number, it still gets the pass" in stopped.text


async def test_a_status_has_an_address_that_can_be_shown_again_in_another_language() -> None:
    found = seen("issued")
    app, client = stub(application__status=found)
    async with browser(app) as http:
        person = Reader(http, client)
        shown = await person.send("/status", reference=REFERENCE, mobile_last4="3210")
        again = await http.get(shown.url.path.replace("/en/", "/pa/"))
        stranger = await browser(app).get("/en/status/result")
        await person.send("/sign-out")
        cleared = await http.get("/en/status/result")
    assert shown.url.path == "/en/status/result"
    assert "3210" not in str(shown.url)
    assert REFERENCE in again.text
    assert client.last("application.status")[1].mobile_last4 == "3210"
    for other in (stranger, cleared):
        assert other.headers["location"] == "/en/status"


async def test_the_link_of_a_message_fills_in_the_reference_and_opens_nothing() -> None:
    reference = new_reference()
    async with visiting() as person:
        real, made_up = [await person.open(f"/s/{one}") for one in (reference, "PCS-0000-0000")]
        typed = await person.open(f"/s/{reference.lower().replace('-', '')}")
        wrong = await person.open("/s/%3Cb%3E")
    assert real.status_code == wrong.status_code == 200
    assert f'value="{reference}"' in real.text
    assert 'action="/en/status"' in real.text
    assert 'id="mobile_last4"' in real.text
    assert "noindex" in real.headers["x-robots-tag"]
    real_text, made_up_text = (re.sub(r'name="key" value="[^"]*"', "", one.text) for one in (real, made_up))
    assert real_text.replace(reference, "PCS-0000-0000") == made_up_text
    assert f'value="{reference}"' in typed.text, "however it is written"
    assert 'value="&lt;b&gt;"' in wrong.text
    assert person.client.asked == [], "nothing is looked up"


def decided(status: str, mobile: str | None = "+919876543210", last4: str = "3210") -> dict[str, Any]:
    """Return the services' replies about an application that the department has answered."""

    def found(asked: Any) -> StatusView:
        if (asked.reference, asked.mobile_last4) != (REFERENCE, last4):
            raise NotFound
        return seen(status, status).model_copy(update={"note": "Come with the file"})

    return {
        "application__status": found,
        "application__durations": wait(),
        "application__number_to_prove": NumberToProve(mobile=mobile),
        "accounts__request_otp": OtpAccepted(request_id=uuid4(), resend_after=30),
        "accounts__verify_otp": ApplicantSession(
            access_token=signed(claims("applicant")), expires_at=now() + timedelta(hours=1)
        ),
    }


@pytest.mark.parametrize("status", ["rejected", "returned"])
async def test_the_link_of_a_message_leads_to_the_words_of_the_department_by_one_press_and_a_code(
    status: str,
) -> None:
    async with visiting(**decided(status)) as person:
        link = await person.open(f"/s/{REFERENCE}")
        code = await person.send(f"/s/{REFERENCE}", key=hidden(link)["key"])
        shown = await person.send("/sign-in/code", code="123456")
    assert code.url.path == "/en/sign-in/code"
    assert "3210" not in without_keys(code), "nobody learns the number"
    assert f"If there is an application {REFERENCE}" in code.text
    assert person.client.last("accounts.request_otp")[1].mobile == "+919876543210"
    assert shown.url.path == "/en/status/result"
    assert "Come with the file" in shown.text


async def test_a_press_about_no_application_or_too_often_looks_the_same_and_sends_nothing() -> None:
    pages = []
    for more in (
        {},
        {"application__number_to_prove": NumberToProve()},
        {"accounts__request_otp": TooManyAttempts("too many", retry_after=60, limit="number")},
    ):
        async with visiting(**decided("rejected") | more) as person:
            person.client.answers["accounts.verify_otp"] = NotAuthenticated(code="code_expired")
            if not more:
                person.client.answers["accounts.verify_otp"] = NotAuthenticated(
                    code="wrong_code", tries_left=4
                )
            began = monotonic()
            code = await person.send(f"/s/{REFERENCE}", key="k")
            assert monotonic() - began >= sign_in.EQUAL_SECONDS
            wrong = await person.send("/sign-in/code", code="000000")
            again = await person.send(f"/s/{REFERENCE}", key="another")
            assert again.url.path == "/en/sign-in/code"
            assert sum(name == "application.number_to_prove" for name, *_ in person.client.asked) == 1
        texts = [
            re.sub(r'name="key" value="[^"]*"|\d+ seconds?|data-wait="\d+"', "", one.text)
            for one in (code, wrong)
        ]
        pages.append(((code.status_code, wrong.status_code), texts))
    assert pages[0] == pages[1] == pages[2]
    assert pages[0][0] == (200, 422)


async def test_who_gets_no_code_by_a_reference_is_led_to_one_that_is_sent_after_a_proof_of_work() -> None:
    work = TooManyAttempts(code="work_required", retry_after=60, challenge="ch4ll", answers=12, bits=12)
    async with visiting(**decided("rejected") | {"accounts__request_otp": work}) as person:
        page = await person.send(f"/s/{REFERENCE}", key="k")
        assert "If no code comes within two minutes, type the mobile number" in page.text
        (link,) = re.findall(r'href="/en(/sign-in\?to=[^"]*)"', page.text)
        number = await person.open(link)
        asked = await person.send("/sign-in", **hidden(number) | {"mobile": "98765 43210"})
        assert 'data-challenge="ch4ll"' in asked.text
        person.client.answers["accounts.request_otp"] = OtpAccepted(request_id=uuid4(), resend_after=30)
        await person.send("/sign-in", **hidden(asked) | {"work": "ch4ll.1.2"})
        shown = await person.send("/sign-in/code", code="123456")
    assert shown.url.path == "/en/status/result"
    assert "Come with the file" in shown.text


@pytest.mark.parametrize("service", ["application.number_to_prove", "accounts"])
async def test_while_a_service_is_down_nobody_learns_whether_there_is_an_application(service: str) -> None:
    pages = []
    for mobile in ("+919876543210", None):
        async with visiting(**decided("rejected", mobile)) as person:
            for name in [one for one in person.client.answers if one.startswith(service)]:
                person.client.answers[name] = Unavailable()
            answer = await person.send(f"/s/{REFERENCE}", key="k")
        text = re.sub(r'"key" value="[^"]*"', "", answer.text)
        pages.append((answer.status_code, answer.url.path, text))
    assert pages[0] == pages[1]
    assert pages[0][0] == 503


async def test_the_number_of_an_application_does_not_come_out_by_another_page() -> None:
    async with visiting(**decided("rejected")) as person:
        await person.send(f"/s/{REFERENCE}", key="k")
        again = await person.send("/sign-in", again="yes", key="k")
    assert "3210" not in without_keys(again)
    assert person.client.last("accounts.request_otp")[1].mobile == "", "as if nothing had been typed"


async def test_the_number_of_an_application_is_in_no_cookie_whose_length_could_tell_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The answers are compressed beside words that anybody chooses."""
    kept: list[Answers] = []
    monkeypatch.setattr(AnswersCookie, "write", lambda _self, _response, answers: kept.append(answers))
    async with visiting(**decided("rejected")) as person:
        await person.send(f"/s/{REFERENCE}", key="k")
    assert person.client.was_asked("accounts.request_otp")
    assert "9876543210" not in str(kept)
    assert REFERENCE in str(kept), "control: it is what is kept"


async def test_strangers_who_know_a_reference_send_three_codes_an_hour_at_most() -> None:
    async with visiting(**decided("rejected")) as person:
        for number in range(5):
            person.http.cookies.clear()
            assert (await person.send(f"/s/{REFERENCE}", key=f"{number}")).url.path == "/en/sign-in/code"
    assert sum(name == "accounts.request_otp" for name, *_ in person.client.asked) == 3


async def test_a_link_of_another_mobile_shows_its_reader_nothing_more() -> None:
    async with visiting(claims("applicant"), **decided("rejected", last4="0000")) as person:
        shown = await person.open(f"/s/{REFERENCE}")
    assert shown.url.path == f"/en/s/{REFERENCE}"
    assert "Come with the file" not in shown.text


async def test_the_link_of_a_message_leads_straight_to_another_date_with_one_code() -> None:
    view = application(status="returned", closed_day=date(2026, 12, 3), closure_reason="officer_away")
    found = StatusView(
        reference=REFERENCE, status="returned", site="PCS1", department="home", timeline=view.timeline,
        closed_day=view.closed_day,
    )  # fmt: skip
    async with visiting(
        application__status=found,
        application__number_to_prove=NumberToProve(mobile="+919876543210"),
        **closed(view),
        accounts__request_otp=OtpAccepted(request_id=uuid4(), resend_after=30),
        accounts__verify_otp=ApplicantSession(
            access_token=signed(claims("applicant")), expires_at=now() + timedelta(hours=1)
        ),
    ) as person:
        status = await person.send("/status", reference=REFERENCE, mobile_last4="3210")
        code = await person.send(f"/s/{REFERENCE}", **hidden(status))
        card = await person.send("/sign-in/code", code="123456")
        wrong = await person.send(f"{PAGE}/open", id_last4="0000", **hidden(card))
        dates = await person.send(f"{PAGE}/open", id_last4="4821", **hidden(wrong))
        again = await person.send("/status", reference=REFERENCE, mobile_last4="3210")
    assert "Another date is needed" in status.text
    assert "ends in 3210" in status.text
    assert code.url.path == "/en/sign-in/code"
    assert 'id="id_last4"' in card.text
    assert "Arms licence" not in card.text
    assert (wrong.status_code, dates.url.path) == (422, f"/en{PAGE}/dates")
    assert "Choose other dates" in dates.text
    assert f'href="/en{PAGE}/dates"' in again.text, "who is signed in needs no code at all"
    assert sum(name == "accounts.request_otp" for name, *_ in person.client.asked) == 1
