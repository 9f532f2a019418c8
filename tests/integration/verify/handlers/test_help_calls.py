"""Calls of gates for help: one rings per gate, somebody answers, and only their site hears it."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.errors import Forbidden, NotFound
from contracts.rpc.call import Principal
from contracts.rpc.verify.incidents import (
    CallForHelp,
    HelpCall,
    HelpCallId,
    HelpQuestion,
    IncidentQuestion,
    IncidentView,
)
from contracts.rpc.verify.presence import MovementQuestion
from services.verify.handlers import help_calls, incidents, movements
from services.verify.models import SiteRow
from tests.support.factories.verify import GATE, NOON, Gate, calling, officer

RECEPTION = Principal(kind="staff", id="REC-0001", role="reception", login_id="REC-0001", site="PCS1")
OF_ALL = RECEPTION.model_copy(update={"site": None, "id": "REC-0002", "login_id": "REC-0002"})
ELSEWHERE = RECEPTION.model_copy(update={"site": "PCS2"})


class Calling(Gate):
    """A gate that calls for help."""

    def call_help(self, reason: str = "visitor", at: Any = NOON) -> HelpCall:
        with self.database.transaction() as session:
            asked = CallForHelp.model_validate({"gate": GATE, "reason": reason})
            return help_calls.call_help(asked, calling(), session, at)

    def answer(self, call: HelpCall, principal: Principal = RECEPTION, at: Any = NOON) -> HelpCall:
        with self.database.transaction() as session:
            return help_calls.answer(HelpCallId(call_id=call.id), calling(principal), session, at)

    def heard(self, principal: Principal = RECEPTION, at: Any = NOON) -> tuple[HelpCall, ...]:
        with self.database.transaction() as session:
            return help_calls.list_calls(HelpQuestion(), calling(principal), session, at).items

    def give_up(self, at: Any) -> tuple[IncidentView, ...]:
        """Return the incidents after it was looked for calls that nobody has answered."""
        with self.database.transaction() as session:
            help_calls.give_up(session, at)
        with self.database.transaction() as session:
            asked = calling(officer(gate=None, login_id="SEC-0009"))
            return incidents.list_incidents(IncidentQuestion(), asked, session).items


@pytest.fixture
def gate(databases) -> Calling:
    return Calling(databases["verify"])


def test_the_reception_of_the_site_hears_a_call_and_no_other_does(gate: Calling) -> None:
    called = gate.call_help()
    assert gate.heard() == gate.heard(OF_ALL) == (called,)
    assert gate.heard(ELSEWHERE) == ()
    with pytest.raises(Forbidden):
        gate.heard(Principal(kind="staff", id="ADO-0001", role="ado", login_id="ADO-0001"))


def test_a_gate_that_calls_again_rings_once_with_its_newest_reason(gate: Calling) -> None:
    first, later = gate.call_help(), NOON + help_calls.RINGS_FOR - timedelta(seconds=1)
    again = gate.call_help("device", later)
    assert (again.id, again.reason) == (first.id, "device")
    assert gate.heard(at=later) == (again,)


def test_a_call_that_nobody_answers_is_an_incident_however_often_the_gate_calls_again(gate: Calling) -> None:
    for minutes in (0, 5, 10, 14):
        called = gate.call_help(at=NOON + timedelta(minutes=minutes))
    (found,) = gate.give_up(NOON + help_calls.RINGS_FOR)
    assert (found.kind, found.id, found.called_at) == ("unanswered", called.id, NOON)
    assert gate.heard(at=NOON + help_calls.RINGS_FOR)[0].unanswered_at is not None


def test_danger_begins_a_call_of_its_own_and_nothing_lesser_takes_its_place(gate: Calling) -> None:
    visitor, later = gate.call_help(), NOON + help_calls.RINGS_FOR - timedelta(seconds=1)
    danger = gate.call_help("danger", later)
    assert (danger.id == visitor.id, danger.called_at) == (False, later), "it rings for its whole time"
    assert gate.call_help("danger", later) == danger
    assert gate.call_help("device", later) == danger
    assert gate.heard(at=later) == (visitor, danger)


def test_whoever_answers_first_comes_and_the_gates_of_the_site_hear_it(gate: Calling) -> None:
    called = gate.call_help()
    gate.answer(called)
    assert gate.answer(called, officer(gate=None, login_id="SEC-0009")).answered_by == "REC-0001"
    with gate.database.transaction() as session:
        told = movements.list_movements(MovementQuestion(site="PCS1"), calling(), session, NOON)
    assert [(one.id, one.answered_by) for one in told.calls] == [(called.id, "REC-0001")]
    assert gate.call_help().id != called.id
    assert called.id not in [one.id for one in gate.give_up(NOON + timedelta(hours=1))]


def test_neither_the_caller_nor_whoever_stands_at_their_gate_nor_another_site_answers(gate: Calling) -> None:
    called = gate.call_help()
    for who in (officer(), officer(gate=None), officer(login_id="SEC-0002")):
        with pytest.raises(Forbidden) as refused:
            gate.answer(called, who)
        assert refused.value.body.code == "own_call"
    with pytest.raises(NotFound):
        gate.answer(called, ELSEWHERE)
    assert gate.heard() == (called,)


@pytest.mark.parametrize("is_given_up_first", [False, True])
def test_a_call_that_is_answered_too_late_is_the_same_incident_whenever_it_is_looked_for(
    gate: Calling, is_given_up_first: bool
) -> None:
    called, over = gate.call_help(), NOON + help_calls.RINGS_FOR
    if is_given_up_first:
        gate.give_up(over)
    gate.answer(called, at=over)
    (found,) = gate.give_up(over)
    assert (found.kind, found.id, found.found_at) == ("unanswered", called.id, over)


def test_a_call_that_nobody_answers_is_told_for_a_while_and_is_an_incident_once(gate: Calling) -> None:
    called = gate.call_help("danger")
    over = NOON + help_calls.RINGS_FOR
    assert gate.give_up(over - timedelta(seconds=1)) == ()
    (told,) = gate.heard(at=over)
    assert (told.id, told.answered_at, told.unanswered_at) == (called.id, None, over)
    with gate.database.transaction() as session:
        news = movements.list_movements(MovementQuestion(site="PCS1"), calling(), session, over)
    assert news.calls == (told,), "the gates of the site hear it"
    (found,) = gate.give_up(over)
    assert (found.kind, found.gate, found.detail) == ("unanswered", GATE, "danger")
    assert (found.login, found.called_at) == ("SEC-0001", NOON)
    later = over + help_calls.UNANSWERED_FOR
    assert gate.give_up(later) == (found,)
    assert gate.heard(at=later) == ()


def test_a_gate_that_calls_again_after_nobody_came_rings_anew(gate: Calling) -> None:
    first, over = gate.call_help(), NOON + help_calls.RINGS_FOR
    gate.give_up(over)
    again = gate.call_help(at=over)
    assert again.id != first.id
    assert [one.unanswered_at is None for one in gate.heard(at=over)] == [False, True]


def test_who_comes_although_it_rings_no_more_is_told(gate: Calling) -> None:
    called, over = gate.call_help(), NOON + help_calls.RINGS_FOR
    gate.give_up(over)
    answered = gate.answer(called, at=over)
    assert (answered.answered_by, answered.unanswered_at) == ("REC-0001", None)
    assert gate.heard(at=over) == (answered,)


def test_a_guard_is_told_whom_to_telephone_and_how_old_a_list_is_new(gate: Calling) -> None:
    rules = {"reception_phone": "0172-5550101", "security_phone": "", "green": 60}
    with gate.database.transaction() as session:
        session.merge(SiteRow(code="PCS1", seq=1, gates=[GATE], gate_rules=rules))
    with gate.database.transaction() as session:
        said = help_calls.list_calls(HelpQuestion(), calling(officer()), session, NOON)
        of_all = help_calls.list_calls(HelpQuestion(), calling(OF_ALL), session, NOON)
    assert (said.telephones.reception, of_all.telephones.reception) == ("0172-5550101", "")
    assert (said.green_s, of_all.green_s) == (3600, 900)


def test_calls_are_deleted_with_the_records(gate: Calling) -> None:
    gate.call_help()
    with gate.database.transaction() as session:
        assert help_calls.delete_old(session, NOON, 1) == 0
        assert help_calls.delete_old(session, NOON + timedelta(days=31), 0) == 1
