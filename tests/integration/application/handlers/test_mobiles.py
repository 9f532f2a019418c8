"""Another mobile for an application: who may move it to their phone, and who may not."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from sqlalchemy import select, update

from contracts.errors import Conflict, ContractError, Forbidden, InvalidInput, NotFound, TooManyAttempts
from contracts.events import MobileChanged
from contracts.rpc.application import CHANGE_MOBILE, Acknowledged, ChangeMobile
from contracts.rpc.call import Call, Principal, Proof
from services.application.handlers import mobiles
from services.application.handlers.scheduled_jobs import erase_personal_data
from services.application.models import ApplicationRow
from services.chassis.audit import record
from services.chassis.db.tables import audit_log
from services.chassis.runtime.clock import now
from tests.support.factories.application import (
    MOBILE,
    NOW,
    OTHER_MOBILE,
    Desk,
    applicant_call,
    counter_form,
    department_call,
    form,
    invitation,
    reception_call,
)
from tests.support.stack.databases import execute

NEW = "+919811122233"
ANYBODY = Proof(session="checked before the handler")
"""The service has checked the tokens by then; the handler gets whose they are."""


def holder_of(mobile: str, session: int = 7) -> Principal:
    """Return who has typed the code that was sent to a number."""
    return Principal(kind="applicant", id=f"applicant:{mobile}", mobile=mobile, sid=UUID(int=session))


def change(
    desk: Desk,
    reference: str,
    call: Call | None = None,
    *,
    to: str = NEW,
    at: datetime = NOW + timedelta(minutes=1),
    id_last4: str | None = None,
    limited: bool = True,
    proved: Principal | None = None,
) -> Acknowledged:
    request = ChangeMobile(reference=reference, proof=ANYBODY, id_last4=id_last4)
    with desk.database.transaction() as session:
        return mobiles.change(
            request, proved or holder_of(to), call or applicant_call(), session, at, limited=limited
        )


def code_of(desk: Desk, reference: str, call: Call | None = None, **changes: object) -> str:
    """Return the code with which a change is refused, and check that nothing was changed."""
    before, events = desk.row(reference).mobile, desk.counts()
    with pytest.raises(ContractError) as refusal:
        change(desk, reference, call, **changes)  # type: ignore[arg-type]
    assert (desk.row(reference).mobile, desk.counts()) == (before, events)
    body = refusal.value.body
    return body.fields[0].code if body.fields else body.code


def test_who_has_proved_both_numbers_moves_the_application(desk: Desk) -> None:
    reference = desk.submit().reference
    change(desk, reference)
    row, event = desk.row(reference), desk.published()[-1]
    assert (row.mobile, row.mobile_proved) == (NEW, True)
    assert isinstance(event, MobileChanged)
    assert (event.personal.mobile, event.personal.before, event.changed_by) == (NEW, MOBILE, "applicant")


def test_the_number_before_sees_the_application_no_more_and_the_new_one_sees_it_open(desk: Desk) -> None:
    reference = desk.submit().reference
    change(desk, reference)
    with pytest.raises(NotFound):
        desk.view(reference)
    shown = desk.view(reference, applicant_call(NEW, session=7))
    assert shown.applicant.mobile == NEW
    with pytest.raises(Forbidden):  # another session of the new number opens it first, as ever
        desk.view(reference, applicant_call(NEW, session=8))


def test_a_session_from_before_is_not_open_again_when_the_reception_sets_the_number_back(desk: Desk) -> None:
    """A stolen session moves it to the thief's phone; the visitor comes with the card to get it back."""
    reference, stolen = desk.submit().reference, applicant_call()
    change(desk, reference, stolen, to=OTHER_MOBILE)
    change(desk, reference, reception_call(), id_last4="4821", to=MOBILE)
    with pytest.raises(Forbidden):
        desk.view(reference, stolen)
    assert code_of(desk, reference, stolen, to=OTHER_MOBILE) == "not_opened"


def test_the_timeline_says_so_without_a_number(desk: Desk) -> None:
    reference = desk.submit().reference
    change(desk, reference)
    entry = desk.view(reference, applicant_call(NEW, session=7)).timeline[-1]
    assert (entry.what, entry.facts) == ("mobile_changed", {"by": "applicant"})


def test_nobody_else_moves_it_to_their_phone(desk: Desk) -> None:
    """Not with the reference and a phone of their own, whose code they can always type."""
    reference = desk.submit().reference
    for who, call, code in (
        ("a stranger", applicant_call(OTHER_MOBILE), "not_found"),
        ("the new number alone", applicant_call(NEW, session=7), "not_found"),
        ("the family's phone", applicant_call(MOBILE, session=2), "not_opened"),
        ("department", department_call(), "not_found"),
        ("elsewhere", reception_call("S2"), "not_found"),
        ("guard", reception_call(role="security"), "not_found"),
        ("nobody", Call(principal=Principal(), deadline=NOW + timedelta(days=9999)), "not_found"),
    ):
        assert code_of(desk, reference, call, id_last4="4821") == code, who


def test_nobody_writes_a_number_onto_an_application_whose_people_are_erased(desk: Desk) -> None:
    """Nothing would erase it again; the control is the same change before."""
    reference = desk.submit().reference
    change(desk, reference, reception_call(), id_last4="4821")
    with desk.database.transaction() as session:
        erase_personal_data(desk.row(reference).id, session, NOW)
    assert code_of(desk, reference, reception_call(), id_last4="4821", to=OTHER_MOBILE) == "not_found"


def test_a_kiosk_moves_nothing(desk: Desk) -> None:
    reference, call = desk.submit().reference, applicant_call()
    at_kiosk = call.model_copy(
        update={"principal": call.principal.model_copy(update={"kiosk": "KSK-0001", "site": "S1"})}
    )
    assert code_of(desk, reference, at_kiosk) == "at_a_kiosk"


def test_only_a_code_to_the_new_number_proves_it(desk: Desk) -> None:
    reference = desk.submit().reference
    for proved in (Principal(), reception_call().principal):
        assert code_of(desk, reference, proved=proved) == "forbidden"


def test_the_reception_of_its_site_changes_it_with_the_card_seen(desk: Desk) -> None:
    reference = desk.submit().reference
    assert code_of(desk, reference, reception_call()) == "id_last4_missing"
    assert code_of(desk, reference, reception_call(), id_last4="4822") == "other_last4"
    assert code_of(desk, reference, reception_call(), id_last4="12344821") == "full_number"
    change(desk, reference, reception_call(), id_last4="4821")
    event = desk.published()[-1]
    assert (event.personal.mobile, event.changed_by) == (NEW, "counter")
    with pytest.raises(Forbidden):  # the visitor's own session opens it by the card, as ever
        desk.view(reference, applicant_call(NEW, session=7))


def test_an_invitation_without_a_card_is_changed_for_the_card_that_was_seen(desk: Desk) -> None:
    reference = desk.invite(invitation({"name": "Ravi Kumar"})).references[0]
    assert code_of(desk, reference, reception_call()) == "id_last4_missing"
    change(desk, reference, reception_call(), id_last4="0917")
    event = desk.published()[-1]
    assert (event.personal.before, event.deliver_by) == (None, "sms"), "there was no phone, so it was paper"


def test_a_walk_in_whose_pass_was_printed_gets_messages_from_then_on(desk: Desk) -> None:
    reference = desk.submit_at_counter(counter_form(mobile=None)).reference
    change(desk, reference, reception_call(), id_last4="4821", to="+447911123456")
    assert desk.row(reference).deliver_by == "whatsapp", "no Indian SMS reaches it"


def test_an_applicant_changes_it_three_times_a_day(desk: Desk) -> None:
    reference, mobile = desk.submit().reference, MOBILE
    for number in range(mobiles.CHANGES):
        to = f"+9198111222{number:02}"
        change(desk, reference, applicant_call(mobile, session=1 if number == 0 else 7), to=to)
        mobile = to
    last = applicant_call(mobile, session=7)
    with pytest.raises(TooManyAttempts) as refusal:
        change(desk, reference, last, at=NOW + timedelta(hours=1))
    facts = refusal.value.body.facts
    assert (facts["limit"], facts["retry_after"]) == ("application", 23 * 3600 + 60)
    at = NOW + timedelta(hours=1)
    assert desk.view(reference, last, at).mobile_change_after == NOW + timedelta(hours=24, minutes=1)
    assert desk.view(reference, last, NOW + timedelta(hours=25)).mobile_change_after is None
    assert desk.view(reference, reception_call(), at).mobile_change_after is None, "it counts for applicants"
    with pytest.raises(NotFound):
        desk.view(reference, applicant_call(OTHER_MOBILE), at)
    change(desk, reference, reception_call(), id_last4="4821", at=NOW + timedelta(hours=1))
    desk.open(reference, "4821", applicant_call(NEW, session=8))
    change(desk, reference, applicant_call(NEW, session=8), to=MOBILE, limited=False)
    assert len([one for one in desk.published() if isinstance(one, MobileChanged)]) == 5


def test_what_the_reception_changes_counts_for_the_operator_and_not_for_the_applicant(desk: Desk) -> None:
    reference, mobile = desk.submit().reference, MOBILE
    for number in range(mobiles.CHANGES):
        mobile = f"+9198111222{number:02}"
        change(desk, reference, reception_call(), id_last4="4821", to=mobile)
    desk.open(reference, "4821", applicant_call(mobile))
    change(desk, reference, applicant_call(mobile))


def test_an_operator_moves_only_so_many_passes_a_day_and_the_log_shows_what_was_refused(
    desk: Desk, monkeypatch
) -> None:
    """Twenty visitors with a wrong number are a bad day; more are somebody who collects passes."""
    monkeypatch.setattr(mobiles, "CHANGES_AT_COUNTER", 2)
    references = [desk.submit().reference for _ in range(3)]
    for reference in references[:2]:
        recorded_change(desk, reference, "RCP-0001")
    with pytest.raises(TooManyAttempts) as refusal:
        recorded_change(desk, references[2], "RCP-0001")
    facts = refusal.value.body.facts
    assert facts["limit"] == "operator"
    free = desk.view(references[2], reception_call(login="RCP-0001"), now()).mobile_change_after
    assert free is not None
    assert abs(free - now() - timedelta(hours=24)) < timedelta(minutes=1), "before a code is sent"
    assert desk.view(references[2], reception_call(login="RCP-0002"), now()).mobile_change_after is None
    assert 0 < facts["retry_after"] <= 24 * 3600
    recorded_change(desk, references[2], "RCP-0002")
    recorded_change(desk, references[2], "RCP-0001", at=now() + timedelta(hours=25), to=OTHER_MOBILE)
    results = select(audit_log.c.result).where(audit_log.c.actor == "RCP-0001").order_by(audit_log.c.position)
    with desk.database.transaction() as session:
        assert session.scalars(results).all() == ["done", "done", "too_many_attempts", "done"]


def recorded_change(
    desk: Desk, reference: str, login: str, at: datetime | None = None, to: str = NEW
) -> None:
    """Change the number at the reception as the RPC server does it, which records who did."""
    request, call = (
        ChangeMobile(reference=reference, proof=ANYBODY),
        reception_call(login=login, key=f"{reference} {at}"),
    )
    with record.recording(CHANGE_MOBILE, request, call, SimpleNamespace(db=desk.database)):
        change(desk, reference, call, id_last4="4821", at=at or now(), to=to)


def test_the_next_day_it_can_be_changed_again(desk: Desk) -> None:
    reference, mobile = desk.submit().reference, MOBILE
    for number in range(mobiles.CHANGES + 1):
        to = f"+9198111222{number:02}"
        session = 1 if number == 0 else 7
        at = NOW + timedelta(hours=9 * number)
        change(desk, reference, applicant_call(mobile, session=session), to=to, at=at)
        mobile = to


def test_a_number_takes_no_more_open_applications_than_it_may_have(desk: Desk, monkeypatch) -> None:
    monkeypatch.setattr(mobiles, "MOST_OPEN", 1)
    desk.submit(form(), applicant_call(NEW))
    assert code_of(desk, desk.submit().reference) == "too_many_open"


def test_the_same_number_and_an_application_that_has_ended_are_refused(desk: Desk) -> None:
    reference = desk.submit().reference
    with pytest.raises(InvalidInput) as same:
        change(desk, reference, to=MOBILE)
    assert [(one.field, one.code) for one in same.value.body.fields] == [("mobile", "same_mobile")]
    desk.cancel(reference)
    with pytest.raises(Conflict) as refusal:
        change(desk, reference)
    assert refusal.value.body.facts == {"status": "cancelled"}


def test_fifty_clicks_change_it_once(desk: Desk) -> None:
    reference = desk.submit().reference
    call = applicant_call(key="one click")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: change(desk, reference, call), range(50)))
    assert {one.reference for one in answers} == {reference}
    assert len([one for one in desk.published() if isinstance(one, MobileChanged)]) == 1


def test_of_two_who_change_it_at_once_the_second_has_lost_it(desk: Desk) -> None:
    reference = desk.submit().reference

    def attempt(to: str) -> str:
        try:
            return change(desk, reference, to=to).status
        except NotFound:
            return "not_found"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, (NEW, OTHER_MOBILE))) == ["not_found", "submitted"]


def test_an_erased_application_has_no_number_to_change(desk: Desk) -> None:
    reference = desk.submit().reference
    execute(desk.database, update(ApplicationRow).values(mobile=None, id_last4=None))
    assert code_of(desk, reference) == "not_found"
