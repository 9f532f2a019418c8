"""Event handlers of verify: the result depends neither on the order of events nor on repeats."""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from contracts.events import Event, PassPersonal
from contracts.model import Companion
from services.verify.handlers.event_handlers import UnknownPass
from tests.support.factories.verify import (
    OTHER_ID,
    Gate,
    applicant,
    delivery_changed,
    erased,
    gate_advised,
    number_scan,
    pass_issued,
    pass_revoked,
)
from tests.support.stack.databases import execute, owner_of
from tests.support.stack.extent import fewer

HARJIT = Companion(name="Harjit Singh", id_type="driving_licence", id_last4="0917")
FIRST = pass_issued(HARJIT)
CORRECTED = FIRST.model_copy(
    update={
        "officer": "HOME-02",
        "personal": PassPersonal(applicant=applicant(id_last4="9999"), link_code="l" * 22),
    }
)
NEW = pass_issued(application_id=FIRST.application_id, replaces=FIRST.pass_number)
OTHER = pass_issued()
HISTORY: tuple[tuple[Event, int], ...] = (
    (FIRST, 1),
    (CORRECTED, 2),
    (pass_revoked(FIRST, reason="reissued", replaced=True), 3),
    (pass_revoked(FIRST, reason="withdrawn"), 4),
    (NEW, 1),
    (OTHER, 1),
    (gate_advised(FIRST), 1),
    (gate_advised(FIRST, call_supervisor=False), 2),
    (gate_advised(OTHER), 3),
)
ERASED = (erased(FIRST), 9)


def state_after(gate: Gate, history: list[tuple[Event, int]]) -> dict[str, list[str]]:
    """Return the state after these events, from an empty database."""
    execute(
        owner_of(gate.database), "truncate passes, gate_advice, erased_applications, outbox, event_sequences"
    )
    for event, seq in history:
        gate.handle(event, seq=seq)
    return gate.everything()


@pytest.mark.parametrize("erasing", [(), (ERASED,)])
@examples(max_examples=fewer(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_events_in_any_order_with_any_repeats_lead_to_the_same_state(
    gate: Gate, erasing: tuple[tuple[Event, int], ...], data: st.DataObject
) -> None:
    history = [*HISTORY, *erasing]
    expected = state_after(gate, history)
    shuffled = data.draw(st.permutations(history * 5))
    assert state_after(gate, shuffled) == expected


def test_a_pass_that_is_issued_again_later_stays_revoked(gate: Gate) -> None:
    gate.handle(pass_revoked(OTHER), seq=2)
    gate.handle(OTHER, seq=3)
    assert gate.enter(OTHER).verdict == "revoked"


def test_neither_mobile_nor_id_number_is_stored(gate: Gate) -> None:
    gate.handle(FIRST)
    assert not any(secret in str(gate.everything()) for secret in ("9876543210", "4821", "0917"))


@pytest.mark.parametrize("erased_first", [True, False])
def test_a_pass_whose_people_are_erased_is_still_judged(gate: Gate, erased_first: bool) -> None:
    gate.handle(FIRST)
    gate.enter(FIRST, count=1, id_check=OTHER_ID)
    for event in (erased(FIRST), NEW) if erased_first else (NEW, erased(FIRST)):
        gate.handle(event)
    stored = str(gate.everything())
    assert not any(name in stored for name in ("Gurpreet", "Harjit", "CH01AB1234", OTHER_ID.reason))
    result = gate.enter(FIRST)
    assert (result.verdict, result.inside, result.applicant, result.companions) == ("admit", 2, None, ())
    by_number = gate.scan(number_scan(NEW.pass_number))
    assert by_number.verdict == "id_mismatch"


def test_erasing_one_application_does_not_change_others(gate: Gate) -> None:
    gate.handle(FIRST, OTHER, erased(FIRST))
    assert gate.row(FIRST).people is None
    assert gate.row(OTHER).people is not None


@pytest.mark.parametrize("advised_first", [True, False])
def test_the_gate_is_told_to_call_the_supervisor_and_the_verdict_stays(
    gate: Gate, advised_first: bool
) -> None:
    for event in (gate_advised(FIRST), FIRST) if advised_first else (FIRST, gate_advised(FIRST)):
        gate.handle(event)
    previewed, entered = gate.enter(FIRST, id_check=None), gate.enter(FIRST)
    assert (previewed.verdict, previewed.call_supervisor) == ("admit", True)
    assert (entered.verdict, entered.call_supervisor) == ("admit", True)
    assert not gate.leave(FIRST).call_supervisor
    gate.handle(NEW)
    assert gate.enter(NEW).call_supervisor, "a pass that was issued again"
    gate.handle(OTHER)
    assert not gate.enter(OTHER).call_supervisor


def test_the_gate_is_told_that_the_message_reached_nobody_and_the_verdict_stays(gate: Gate) -> None:
    """Only of a typed number: whoever shows a QR code has the message."""
    gate.handle(FIRST, OTHER)
    by_number = {"token": None, "pass_number": FIRST.pass_number}
    assert not gate.enter(FIRST, id_check=None, **by_number).undelivered
    gate.handle(delivery_changed(FIRST))
    previewed = gate.enter(FIRST, id_check=None, **by_number)
    entered = gate.enter(FIRST, **by_number)
    assert (previewed.verdict, previewed.undelivered) == ("admit", True)
    assert (entered.verdict, entered.undelivered) == ("admit", True)
    assert not gate.enter(FIRST).undelivered
    assert not gate.leave(FIRST, **by_number).undelivered
    assert not gate.enter(OTHER, token=None, pass_number=OTHER.pass_number).undelivered


def test_the_newest_word_of_a_message_counts_and_one_that_comes_first_waits_for_its_pass(gate: Gate) -> None:
    with pytest.raises(UnknownPass):
        gate.handle(delivery_changed(FIRST))
    gate.handle(FIRST)
    gate.handle(delivery_changed(FIRST, undelivered=False), seq=2)
    gate.handle(delivery_changed(FIRST), seq=1)
    assert not gate.row(FIRST).undelivered
    gate.handle(delivery_changed(FIRST), seq=3)
    gate.handle(CORRECTED, seq=2)
    assert gate.row(FIRST).undelivered, "a pass that is published again keeps it"


def test_newer_advice_replaces_older_and_an_erased_application_has_none(gate: Gate) -> None:
    gate.handle(FIRST)
    gate.handle(gate_advised(FIRST, call_supervisor=False), seq=2)
    gate.handle(gate_advised(FIRST), seq=1)
    assert not gate.enter(FIRST).call_supervisor
    gate.handle(gate_advised(FIRST), seq=3)
    gate.handle(erased(FIRST))
    gate.handle(gate_advised(FIRST), seq=4)
    assert not gate.enter(FIRST).call_supervisor
