"""Whoever has left is asked by SMS whether they were met, and replies with one digit."""

import re
from collections.abc import Iterator

import pytest

from contracts.model import IST
from services.chassis.runtime.clock import now
from tests.support.stack.backends import start_stack
from tests.support.stack.extent import long
from tests.support.stack.running import eventually
from tests.support.system.actors import MATCHED, Applicant, Department, Officer, issued, messages
from tests.support.system.system import System

SECRET = "secret-of-the-webhook-of-more-than-32-letters"
TWO_MINUTES = 150
"""They are asked after one minute, by a job that looks once in a minute."""


@pytest.fixture(scope="module")
def replying(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with (
        start_stack(tmp_path_factory.mktemp("replies")) as stack,
        System(
            stack,
            EPASS_SMS_REPLY_SECRET=SECRET,
            EPASS_SMS_REPLY_TO="EPASS 9220012345",
            EPASS_ASK_MET_MINUTES="1",
        ) as system,
    ):
        yield system


@long
def test_who_has_left_replies_to_the_question_and_the_desk_sees_what_they_say(replying: System) -> None:
    visitor, department, officer = Applicant(replying), Department(replying), Officer(replying)
    reference, summary = issued(visitor, department)
    token = visitor.token(summary.number)
    officer.scan(token=token, id_check=MATCHED)
    eventually(lambda: visitor.view(reference).status == "entered", "they are inside")
    officer.scan(token=token, direction="exit")
    asked = eventually(
        lambda: [one.text for one in messages(replying, visitor.mobile, "visit_question")],
        "they are asked",
        TWO_MINUTES,
    )
    assert "9220012345" in asked[0]
    assert re.search(r"EPASS 1\b.*EPASS 2\b", asked[0])

    def hand_on(text: str, secret: str) -> int:
        reply = {"from": visitor.mobile, "text": text, "at": now().astimezone(IST).isoformat(), "id": text}
        headers = {"X-Webhook-Secret": secret}
        return replying.http().post("/hooks/sms_replies", json=reply, headers=headers).status_code

    def said() -> list[object]:
        entries = visitor.view(reference).timeline
        return [one.facts["outcome"] for one in entries if one.facts.get("said_by") == "visitor"]

    assert hand_on("EPASS 1", "guessed") == 401
    assert [hand_on("EPASS 2", SECRET) for _ in range(2)] == [200, 200]
    assert eventually(said, "the visitor has said it") == ["not_met"]
