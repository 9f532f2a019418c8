"""A pass follows its applicant to another phone, and nobody else takes it there."""

import pytest

from contracts.rpc.application import NewMobile
from epass_client import Problem, calls
from tests.support.chaos import sabotage
from tests.support.chaos.scenario import replaced
from tests.support.stack.extent import long
from tests.support.stack.running import eventually
from tests.support.system.actors import Applicant, Department, issued, messages
from tests.support.system.system import System


class Phone:
    """A phone with a number of its own, whose holder reads the codes that come to it."""

    def __init__(self, system: System) -> None:
        self._system, self.holder = system, Applicant(system)
        self.mobile = self.holder.mobile

    def code(self) -> NewMobile:
        """Ask for another code to this phone, and read it."""
        request = self.holder.send(calls.request_otp(self.mobile))
        texts = eventually(lambda: messages(self._system, self.mobile, "otp")[1:], "another code arrives")
        return NewMobile(request_id=request.request_id, code=texts[-1].text[:6])


def texts(system: System, mobile: str, purpose: str) -> list[str]:
    return [one.text for one in messages(system, mobile, purpose)]


def test_the_pass_goes_to_the_new_phone_and_the_one_before_gets_a_notice(
    system: System, department: Department
) -> None:
    visitor = Applicant(system)
    reference, summary = issued(visitor, department)
    eventually(lambda: texts(system, visitor.mobile, "pass_issued"), "the pass arrives")
    phone = Phone(system)

    session = visitor.send(calls.change_mobile(reference, **dict(phone.code())))

    (again,) = eventually(lambda: texts(system, phone.mobile, "pass_issued"), "the pass arrives there, too")
    assert summary.number in again
    (notice,) = eventually(lambda: texts(system, visitor.mobile, "mobile_changed"), "the notice arrives")
    assert reference in notice
    assert phone.mobile[-4:] not in notice

    with system.client(session.access_token) as now_theirs:
        shown = now_theirs.send(calls.view_application(reference))
        assert shown.applicant.mobile == phone.mobile
        entry = next(one for one in shown.timeline if one.what == "mobile_changed")
        assert entry.facts == {"by": "applicant"}
        seen = eventually(lambda: _seen(now_theirs, summary.number), "issuance knows the new number")
        assert seen
    for refused in (calls.view_application(reference), calls.resend_message(reference)):
        with pytest.raises(Problem) as refusal:
            visitor.send(refused)
        assert refusal.value.status == 404
    with pytest.raises(Problem):
        visitor.send(calls.view_pass(summary.number))


def _seen(client, number: str) -> str:
    try:
        return client.send(calls.view_pass(number)).token
    except Problem:
        return ""


def takeovers(system: System, reference: str, thief: Phone) -> dict[str, int]:
    """Try to move an application to the phone of somebody who knows its reference; return the answers."""
    with system.client() as nobody:
        callers = {"nobody": nobody, "the thief": thief.holder.client}
        answers = {}
        for name, client in callers.items():
            try:
                client.send(calls.change_mobile(reference, **dict(thief.code())))
                answers[name] = 200
            except Problem as problem:
                answers[name] = problem.status
    return answers


def test_who_knows_the_reference_moves_nothing_to_their_phone(system: System, department: Department) -> None:
    visitor, thief = Applicant(system), Phone(system)
    reference, _ = issued(visitor, department)
    assert takeovers(system, reference, thief) == {"nobody": 401, "the thief": 404}
    assert visitor.view(reference).applicant.mobile == visitor.mobile
    assert texts(system, thief.mobile, "pass_issued") == []


@long
def test_control_where_nobody_asks_whose_it_is_the_thief_gets_it(system: System) -> None:
    visitor, thief = Applicant(system), Phone(system)
    reference = visitor.apply()
    with replaced(system, ["application"], sabotage.anybodys_application):
        assert takeovers(system, reference, thief)["the thief"] == 200
