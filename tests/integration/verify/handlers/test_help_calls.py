"""Calls of gates for help: one rings per gate, somebody answers, and only their site hears it."""

from datetime import timedelta
from typing import Any

import pytest

from contracts.errors import Forbidden, NotFound
from contracts.rpc.call import Principal
from contracts.rpc.verify import CallForHelp, HelpCall, HelpCallId, HelpQuestion, MovementQuestion
from services.verify.handlers import help_calls, movements
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


@pytest.fixture
def gate(databases) -> Calling:
    return Calling(databases["verify"])


def test_the_reception_of_the_site_hears_a_call_and_no_other_does(gate: Calling) -> None:
    called = gate.call_help()
    assert gate.heard() == gate.heard(OF_ALL) == (called,)
    assert gate.heard(ELSEWHERE) == ()
    with pytest.raises(Forbidden):
        gate.heard(Principal(kind="staff", id="ADO-0001", role="ado", login_id="ADO-0001"))


def test_a_gate_that_calls_again_rings_once_anew_with_its_newest_reason(gate: Calling) -> None:
    first, later = gate.call_help(), NOON + help_calls.RINGS_FOR - timedelta(seconds=1)
    again = gate.call_help("danger", later)
    assert (again.id, again.reason, again.called_at) == (first.id, "danger", later)
    assert gate.heard(at=later + help_calls.RINGS_FOR - timedelta(seconds=1)) == (again,)


def test_whoever_answers_first_comes_and_the_gates_of_the_site_hear_it(gate: Calling) -> None:
    called = gate.call_help()
    gate.answer(called)
    assert gate.answer(called, officer(gate=None, login_id="SEC-0009")).answered_by == "REC-0001"
    with gate.database.transaction() as session:
        told = movements.list_movements(MovementQuestion(site="PCS1"), calling(), session, NOON)
    assert [(one.id, one.answered_by) for one in told.calls] == [(called.id, "REC-0001")]
    assert gate.call_help().id != called.id


def test_nobody_of_another_site_answers(gate: Calling) -> None:
    called = gate.call_help()
    with pytest.raises(NotFound):
        gate.answer(called, ELSEWHERE)


def test_a_call_ends_to_ring_and_is_deleted_with_the_records(gate: Calling) -> None:
    gate.call_help()
    assert gate.heard(at=NOON + help_calls.RINGS_FOR) == ()
    with gate.database.transaction() as session:
        assert help_calls.delete_old(session, NOON, 1) == 0
        assert help_calls.delete_old(session, NOON + timedelta(days=31), 0) == 1
