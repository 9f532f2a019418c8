"""Operations find out why one message did not arrive: in words, with the next step, and without people."""

import re
from collections.abc import AsyncIterator
from typing import Any, get_args
from uuid import UUID

import pytest

from contracts import rpc
from contracts.errors import NotFound, Unavailable
from contracts.ops import LetterList
from contracts.rpc.notify import MessageSearch, MessageTrace, MessageTraces, PassTrace
from services.chassis.runtime.clock import now
from services.gateway.pages.ops.messages import REASONS, REMEDIES, RUNBOOKS, STATES, Words
from services.notify.adapters.channels import REASONS as ANSWERS
from services.notify.domain.messages import State
from tests.e2e.page_samples import TRACED, traced
from tests.support.factories.gateway import NUMBER, browsing, staff_claims
from tests.support.factories.pages import AUDITED
from tests.support.factories.system_report import LETTER, LETTERS, report
from tests.support.stack.paths import ROOT
from tests.support.system.page_reader import SAME_SITE, Reader

PAGE = "/en/ops/messages"
FOUND = f"{PAGE}/{AUDITED}"


@pytest.fixture
async def operator() -> AsyncIterator[Reader]:
    async with browsing(
        notify__trace_messages=TRACED,
        ops__report=report(),
        ops__letterlist=LETTERS,
        session=staff_claims("ops"),
    ) as (http, client):
        yield Reader(http, client)  # fmt: skip


def step(**given: Any) -> str:
    return Words("en").next_step(traced(**given)).text


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        (AUDITED.lower(), {"reference": AUDITED}),
        (f" {NUMBER[:4]} {NUMBER[4:]} ", {"pass_number": NUMBER}),
        (str(UUID(int=7)).upper(), {"message_id": UUID(int=7)}),
    ],
)
async def test_a_message_is_found_by_reference_pass_number_or_its_own_id(
    operator: Reader, typed: str, asked: dict[str, Any]
) -> None:
    answer = await operator.http.post(PAGE, data={"q": typed}, headers=SAME_SITE)
    assert answer.status_code == 303
    assert (await operator.http.get(answer.headers["location"])).status_code == 200
    assert operator.client.last("notify.trace_messages")[1] == MessageSearch(**asked)


@pytest.mark.parametrize("typed", ["", "98765 43210", "Gurpreet Kaur", f"{AUDITED}x", "a@example.org"])
async def test_no_name_and_no_mobile_is_searched_for_or_stands_in_an_address(
    operator: Reader, typed: str
) -> None:
    answer = await operator.http.post(PAGE, data={"q": typed}, headers=SAME_SITE)
    assert answer.status_code == 422
    assert "Enter a whole reference" in answer.text
    assert "location" not in answer.headers
    assert (await operator.http.get(f"{PAGE}/9876543210")).status_code == 404
    assert not operator.client.was_asked("notify.trace_messages")


async def test_each_try_and_the_answer_of_the_vendor_stand_there_in_words(operator: Reader) -> None:
    shown = re.sub(r"<[^>]*>|\s+", " ", (await operator.http.get(FOUND)).text)
    shown = re.sub(r" +", " ", shown)
    for what in (
        "The vendor refused our credentials credentials",
        "This number is not on WhatsApp not_on_whatsapp",
        "Taken by msg91",
        "The vendor could not deliver it: Nobody has this number",
        "Next step: The reception asks the visitor for another number",
        "“When the number is wrong”",
        "The reception of the site has it in its list",
        f"Pass number: {NUMBER}",
        "Tries: 3",
    ):
        assert what in shown, what


async def test_a_dead_letter_about_the_application_is_led_to(operator: Reader) -> None:
    own = LETTER.model_copy(update={"subject": f"pass:{NUMBER}", "queue": "notify.PassIssued"})
    queues = report().queues
    dead = queues.items[0].model_copy(update={"queue": "notify.PassIssued", "dead_letters": 1})
    operator.client.answers["ops.report"] = report(queues=queues.model_copy(update={"items": (dead,)}))
    operator.client.answers["ops.letterlist"] = LetterList(queue="notify.PassIssued", total=1, items=(own,))
    assert f"/en/ops/dead-letters/notify.PassIssued/{own.id}" in (await operator.http.get(FOUND)).text
    other = own.model_copy(update={"subject": "pass:ANOTHER1"})
    operator.client.answers["ops.letterlist"] = LetterList(queue="notify.PassIssued", total=1, items=(other,))
    assert "Dead letter" not in (await operator.http.get(FOUND)).text
    operator.client.answers["ops.report"] = Unavailable()
    assert "Whether dead letters are about it is unknown." in (await operator.http.get(FOUND)).text


async def test_what_notify_never_heard_of_leads_to_what_waits_before_it(operator: Reader) -> None:
    operator.client.answers["notify.trace_messages"] = NotFound()
    answer = await operator.http.get(FOUND)
    assert answer.status_code == 404
    assert "no event about it has come there" in answer.text
    assert "“Relay behind”" in answer.text


async def test_where_notify_does_not_answer_the_page_says_so_and_still_asks(operator: Reader) -> None:
    operator.client.answers |= {"notify.trace_messages": Unavailable(), "ops.report": Unavailable()}
    answer = await operator.http.get(FOUND)
    assert answer.status_code == 503
    assert "This cannot be asked now" in answer.text
    assert (await operator.http.get(PAGE)).status_code == 200


def test_the_next_step_follows_the_state_and_the_reason() -> None:
    at = now()
    assert step(state="delivered", provider=None) == "Nothing: the vendor has it, and tells no more."
    assert step(state="read") == "Nothing: it has arrived."
    assert "tried again at" in step(state="queued", reason="timeout", attempts=2, due_at=at)
    assert step(state="queued", reason="credentials", attempts=9, due_at=at).startswith("Renew the token")
    assert "takes it next" in step(state="queued", reason=None, attempts=0, due_at=at)
    assert "another channel at" in step(state="accepted", next_at=at)
    assert "Wait for the report" in step(state="accepted")
    assert "another number since" in step(state="failed", is_replaced=True)
    assert step(state="expired", reason="expired") == "Nothing: its time is over."
    assert "asks the visitor for another number" in step(state="failed", reason="wrong_number")
    assert "sends it again" in step(state="failed", reason="timeout")


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"revoked": False, "printed": True}, "Nothing: the reception has printed the pass."),
        ({"revoked": True, "printed": True}, "Nothing: the pass is not valid any more."),
        ({"revoked": False, "printed": False}, "The reception asks the visitor for another number"),
    ],
)
def test_nothing_is_to_be_done_for_a_pass_that_was_printed_or_revoked(
    facts: dict[str, bool], text: str
) -> None:
    failed = traced(reason="bad_number", pass_number=NUMBER)
    assert Words("en", (PassTrace(number=NUMBER, **facts),)).next_step(failed).text.startswith(text)


def test_every_state_and_every_reason_has_words_and_a_next_step_in_a_section_that_exists() -> None:
    assert set(get_args(State)) == STATES.keys()
    reasons = ANSWERS | {
        "unconfirmed",
        "quota",
        "provider_away",
        "wrong_number",
        "expired",
        "revoked",
        "attempts",
    }
    assert reasons - REASONS.keys() == set()
    assert reasons - REMEDIES.keys() == set()
    for _, section in REMEDIES.values():
        book = "runbooks.md" if section in RUNBOOKS else "messages.md"
        headings = re.findall(r"^## (?:\d+\. )?(.*)$", (ROOT / "docs" / book).read_text(), re.MULTILINE)
        assert section in {"", *headings}


def test_what_is_answered_has_no_field_for_a_person_or_a_text() -> None:
    assert not {"to", "recipient", "text", "name", "mobile", "language", "link"} & (
        MessageTrace.model_fields.keys() | MessageTraces.model_fields.keys()
    )
    assert rpc.notify.TRACE_MESSAGES.names_people
