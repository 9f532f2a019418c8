"""A pass follows its applicant to another phone, and nobody else takes it there."""

from uuid import uuid4

import pytest

from contracts.rpc.application import NewMobile, NewMobileAtCounter, SubmitAtCounter
from epass_client import Problem, calls, local
from tests.support.chaos import sabotage
from tests.support.chaos.scenario import replaced
from tests.support.stack.extent import long
from tests.support.stack.running import eventually
from tests.support.system.actors import Applicant, Department, Staff, application, issued, messages
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


def test_a_decision_that_comes_later_is_told_to_the_new_phone(system: System, department: Department) -> None:
    visitor, phone = Applicant(system), Phone(system)
    reference = visitor.apply()
    review = department.review_of(reference)
    visitor.send(calls.change_mobile(reference, **dict(phone.code())))
    eventually(lambda: texts(system, visitor.mobile, "mobile_changed"), "notify knows of it")
    department.send(calls.reject_review(review.id, "duplicate"))
    eventually(lambda: texts(system, phone.mobile, "rejected"), "the decision arrives")
    assert texts(system, visitor.mobile, "rejected") == []


def test_a_decision_at_the_same_moment_is_told_to_the_new_phone_too(
    system: System, department: Department
) -> None:
    """Whichever of the two events notify gets first."""
    visitor, phone = Applicant(system), Phone(system)
    reference = visitor.apply()
    review = department.review_of(reference)
    visitor.send(calls.change_mobile(reference, **dict(phone.code())))
    department.send(calls.reject_review(review.id, "duplicate"))
    eventually(lambda: texts(system, phone.mobile, "rejected"), "the decision arrives")


def test_reception_changes_it_for_a_visitor_who_stands_there_with_the_card(
    system: System, reception: Staff
) -> None:
    form = SubmitAtCounter.model_validate(application(mobile=Applicant(system).mobile))
    reference = reception.send(calls.submit_at_counter(form)).reference
    phone = Phone(system)
    typed = phone.code().model_dump()
    wrong = NewMobileAtCounter.model_validate(typed | {"id_last4": "4822"})
    with pytest.raises(Problem) as refusal:
        reception.send(calls.change_mobile_at_counter(reference, **dict(wrong)))
    assert (refusal.value.status, refusal.value.fields[0].code) == (422, "other_last4")
    other = Phone(system)
    right = NewMobileAtCounter.model_validate(other.code().model_dump() | {"id_last4": "4821"})
    assert reception.send(calls.change_mobile_at_counter(reference, **dict(right))).reference == reference
    shown = other.holder.send(calls.open_application(reference, "4821"))
    assert shown.applicant.mobile == other.mobile
    assert "mobile_changed" in [one.what for one in shown.timeline if one.facts == {"by": "counter"}]


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


def test_who_shares_the_phone_moves_nothing_without_the_card(system: System) -> None:
    visitor, phone = Applicant(system), Phone(system)
    reference = visitor.apply()
    family = Applicant(system, visitor.mobile, lambda mobile: _newest_code(system, mobile))
    with pytest.raises(Problem) as refusal:
        family.send(calls.change_mobile(reference, **dict(phone.code())))
    assert (refusal.value.status, refusal.value.code) == (403, "not_opened")
    assert visitor.view(reference).applicant.mobile == visitor.mobile


def _newest_code(system: System, mobile: str) -> str:
    return eventually(
        lambda: local.one_time_code(messages(system, mobile, "otp")[1:]), "another code arrives"
    )


def test_a_wrong_code_and_the_code_of_another_number_change_nothing(system: System) -> None:
    visitor, phone = Applicant(system), Phone(system)
    reference = visitor.apply()
    right = phone.code()
    for wrong, code in (
        (NewMobile(request_id=right.request_id, code=f"{(int(right.code) + 1) % 10**6:06}"), "wrong_code"),
        (NewMobile(request_id=uuid4(), code=right.code), "code_expired"),
    ):
        with pytest.raises(Problem) as refusal:
            visitor.send(calls.change_mobile(reference, **dict(wrong)))
        assert (refusal.value.status, refusal.value.code) == (401, code)
    assert visitor.view(reference).applicant.mobile == visitor.mobile


@long
def test_control_where_nobody_asks_whose_it_is_the_thief_gets_it(system: System) -> None:
    visitor, thief = Applicant(system), Phone(system)
    reference = visitor.apply()
    with replaced(system, ["application"], sabotage.anybodys_application):
        assert takeovers(system, reference, thief)["the thief"] == 200
