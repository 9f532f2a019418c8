"""The data officer finds, copies, corrects, erases and withdraws for a person, with a reason."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from contracts.errors import Conflict, Forbidden, InvalidInput, NotFound, TooManyAttempts
from contracts.events import ApplicationCancelled, ApplicationCorrected
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.call import Call
from contracts.rpc.own_data import ErasedOnRequest, OwnApplications, OwnData, OwnDataQuestion
from contracts.rpc.privacy import ConsentOfPerson, CorrectForPerson, FindPerson, ForPerson
from contracts.rpc.requests import SendRequest
from services.application.handlers.corrections import CORRECTIONS
from services.application.service import Service
from services.application.settings import ApplicationSettings
from services.chassis.runtime.clock import now
from tests.support.factories.application import (
    MOBILE,
    OTHER_MOBILE,
    Desk,
    Elsewhere,
    applicant_call,
    counter_form,
    form,
    reception_call,
)
from tests.support.stack.settings import make_settings

STALE = timedelta(minutes=6)


@pytest.fixture
def service(desk: Desk) -> Service:
    service = Service()
    service.db, service.settings = desk.database, make_settings(ApplicationSettings, kept_at_least_days=0)
    return service


def officer(key: str | None = None, role: str = "privacy", ago: timedelta = timedelta()) -> Call:
    call = reception_call(site=None, key=key, login="DPO-0001", role=role)
    shown = int((now() - ago).timestamp())
    return call.model_copy(update={"principal": call.principal.model_copy(update={"factor_at": shown})})


def found(service: Service, q: str, call: Call | None = None, **asked: str) -> list[str]:
    reply = service.find_person(FindPerson(q=q, **asked), call or officer())
    return [one["reference"] for one in reply["items"]]


def wanted(*references: str, **given: str) -> ForPerson:
    return ForPerson.model_validate({"references": references, "asked": "in_person", **given})


def correction(reference: str, **given: Any) -> CorrectForPerson:
    asked = {"asked": "in_person", "name": "Gurpreet Kaur Gill", **given}
    return CorrectForPerson.model_validate({"reference": reference, **asked})


def own_data(service: Service, *references: str, call: Call | None = None, **asked: bool) -> OwnData:
    reply = service.own_data(OwnDataQuestion(references=references, **asked), call or officer())
    return OwnData.model_validate(reply)


def audited(desk: Desk) -> list[Any]:
    with desk.database.transaction() as session:
        rows = "select actor, role, action, objects, result from audit_log order by at"
        return [tuple(row) for row in session.execute(text(rows))]


def test_an_officer_guesses_no_card_and_searches_of_somebody_who_is_there_cost_nothing(
    desk: Desk, service: Service
) -> None:
    reference = desk.submit().reference
    for _ in range(12):
        assert found(service, MOBILE, id_last4="4821") == [reference]
    for tried in range(10):
        assert found(service, MOBILE, id_last4=f"{tried:04}") == []
    with pytest.raises(TooManyAttempts):
        found(service, MOBILE, id_last4="4821")
    assert found(service, reference) == [reference], "what is on file is found by its number all the same"


def test_a_person_is_found_by_reference_pass_or_mobile_with_the_card_and_no_relative_with_them(
    desk: Desk, service: Service
) -> None:
    first, second = desk.submit().reference, desk.submit().reference
    brother = desk.submit(form(applicant={"id_last4": "1111"})).reference
    issued = Elsewhere.of(desk.row(second)).issued()
    desk.receive(issued)
    both = [second, first]
    assert found(service, first.lower()) == found(service, issued.pass_number) == both
    assert found(service, MOBILE, id_last4="48-21") == both
    assert found(service, brother) == [brother]
    assert found(service, OTHER_MOBILE, id_last4="4821") == found(service, "nobody") == []
    with pytest.raises(InvalidInput, match="not_four"):
        found(service, MOBILE)


def test_a_visitor_without_a_mobile_is_found_alone(desk: Desk, service: Service) -> None:
    reference = desk.submit_at_counter(counter_form()).reference
    desk.submit_at_counter(counter_form())
    assert found(service, reference) == [reference]
    assert {one.kind for one in own_data(service, reference).items} == {"answers", "progress"}


def consent(reference: str, **given: str) -> ConsentOfPerson:
    return ConsentOfPerson.model_validate({"reference": reference, "asked": "in_person", **given})


def test_a_consent_is_withdrawn_for_who_came_in_person_as_they_would_themselves(
    desk: Desk, service: Service
) -> None:
    """Their visit is cancelled once, they see the withdrawal and the office, and the log says why."""
    reference = desk.submit(form(consent=True)).reference
    with pytest.raises(Forbidden, match="second_factor_stale"):
        service.withdraw_for_person(consent(reference), officer("w", ago=STALE))
    for _ in range(2):
        answer = service.withdraw_for_person(consent(reference), officer("w"))
    assert (answer["reference"], answer["status"]) == (reference, "cancelled")
    events = [one.reference for one in desk.published() if isinstance(one, ApplicationCancelled)]
    assert events == [reference]
    seen = own_data(service, reference, call=applicant_call())
    (given,) = (one.consent for one in seen.items if one.consent)
    assert given.withdrawn_at is not None
    assert {one.role for one in seen.readers} == {"privacy"}
    rows = [one for one in audited(desk) if one[2] == "withdraw_for_person" and one[4] == "done"]
    assert rows == [("DPO-0001", "privacy", "withdraw_for_person", [reference, "in_person"], "done")]
    for other in (desk.submit().reference, "PCS-0000-0000"):
        with pytest.raises(NotFound):
            service.withdraw_for_person(consent(other), officer(other))


@pytest.mark.parametrize("role", ["grievance", "ado", "auditor", "ops", "reception", "department"])
def test_no_other_role_does_any_of_it(desk: Desk, service: Service, role: str) -> None:
    reference = desk.submit(form(consent=True)).reference
    desk.cancel(reference)
    for call in (
        lambda: found(service, reference, officer(role=role)),
        lambda: service.copy_for_person(wanted(reference), officer("c", role)),
        lambda: service.correct_for_person(correction(reference), officer("f", role)),
        lambda: service.erase_for_person(wanted(reference), officer("e", role)),
        lambda: service.withdraw_for_person(consent(reference), officer("w", role)),
        lambda: own_data(service, reference, call=officer(role=role)),
    ):
        with pytest.raises(Forbidden):
            call()
    assert desk.row(reference).erased_at is None


def test_a_copy_a_correction_and_an_erasure_need_the_second_factor_of_just_now(
    desk: Desk, service: Service
) -> None:
    reference = desk.submit().reference
    desk.cancel(reference)
    for call in (
        lambda: service.copy_for_person(wanted(reference), officer("c", ago=STALE)),
        lambda: service.correct_for_person(correction(reference), officer("f", ago=STALE)),
        lambda: service.erase_for_person(wanted(reference), officer("e", ago=STALE)),
        lambda: own_data(service, reference, call=officer(ago=STALE), whole=True),
    ):
        with pytest.raises(Forbidden, match="second_factor_stale"):
            call()
    assert own_data(service, reference, call=officer(ago=STALE)).items
    assert desk.row(reference).erased_at is None
    assert service.erase_for_person(wanted(reference), officer("e"))["references"] == [reference]


def test_what_the_officer_erases_is_named_with_the_reason_and_no_more_than_may_go(
    desk: Desk, service: Service
) -> None:
    gone, waiting = desk.submit().reference, desk.submit().reference
    desk.cancel(gone)
    sent = service.send_request(
        SendRequest(kind="own_data", text="Erase it", language="pa"), applicant_call(key="r")
    )
    number = sent["request_number"]
    request = wanted(gone, waiting, asked="in_writing", request_number=number.lower())
    for _ in range(2):
        answer = service.erase_for_person(request, officer("e"))
    receipt = ErasedOnRequest.model_validate(answer)
    assert (receipt.references, desk.row(gone).name, desk.row(waiting).name != "") == ((gone,), "", True)
    row = next(one for one in audited(desk) if one[2] == "erase_for_person")
    assert row == (
        "DPO-0001", "privacy", "erase_for_person", [receipt.receipt, "in_writing", number, gone], "done",
    )  # fmt: skip
    with pytest.raises(NotFound):
        service.erase_for_person(wanted(waiting), officer("again"))


def test_the_log_says_why_a_copy_was_taken_and_a_number_must_be_of_a_request_about_data(
    desk: Desk, service: Service
) -> None:
    reference = desk.submit().reference
    complaint = service.send_request(
        SendRequest(kind="complaint", text="They sent me away", language="en"), applicant_call(key="r")
    )
    for number in (complaint["request_number"], "REQ-0000-0000"):
        with pytest.raises(InvalidInput, match="no_such_request"):
            service.copy_for_person(wanted(reference, request_number=number), officer(number))
    service.copy_for_person(wanted(reference), officer("c"))
    rows = [one[3] for one in audited(desk) if one[2] == "copy_for_person" and one[4] == "done"]
    assert rows == [[reference, "in_person"]]


def test_a_correction_counts_at_once_and_everybody_learns_that_the_officer_made_it(
    desk: Desk, service: Service
) -> None:
    reference = desk.submit().reference
    shown = service.view(ReferenceOnly(reference=reference), officer())
    assert (shown["applicant"]["name"], shown["applicant"]["id_last4"]) == ("ਗੁਰਪ੍ਰੀਤ ਕੌਰ", None)
    request = correction(reference, id_last4="9Z01", revision=shown["revision"], waits=False)
    for _ in range(2):
        assert service.correct_for_person(request, officer("f"))["waits"] is False
    row, event = desk.row(reference), desk.published()[-1]
    assert (row.name, row.id_last4, row.mobile, row.corrections) == (request.name, "9Z01", MOBILE, 1)
    assert isinstance(event, ApplicationCorrected)
    assert (event.corrected_by, event.corrected) == ("privacy", ("name", "id"))
    told = desk.view(reference)
    assert told.timeline[-1].facts["by"] == "privacy"
    assert "privacy" in {one.role for one in own_data(service, reference, call=applicant_call()).readers}
    assert [one for one in audited(desk) if one[2] == "correct_for_person"] == [
        ("DPO-0001", "privacy", "correct_for_person", [reference, "in_person"], result)
        for result in ("done", "repeated")
    ]
    with pytest.raises(Conflict, match="application_changed"):
        service.correct_for_person(correction(reference, name="Other", revision=1), officer("late"))


def test_after_an_approval_the_department_confirms_what_the_officer_corrects(
    desk: Desk, service: Service
) -> None:
    reference = desk.submit().reference
    desk.receive(Elsewhere.of(desk.row(reference)).approved())
    assert service.correct_for_person(correction(reference), officer("f"))["waits"] is True
    shown = desk.view(reference)
    assert shown.correction is not None
    assert (shown.applicant.name, shown.correction.state) == ("ਗੁਰਪ੍ਰੀਤ ਕੌਰ", "waits")
    assert (desk.published()[-1].waits, desk.published()[-1].corrected_by) == (True, "privacy")


def test_an_officer_corrects_as_often_as_people_come_and_nothing_of_whoever_is_erased(
    desk: Desk, service: Service
) -> None:
    reference = desk.submit().reference
    for number in range(CORRECTIONS + 1):
        service.correct_for_person(correction(reference, name=f"Gurpreet {number}"), officer(f"f{number}"))
    with pytest.raises(InvalidInput, match="no_such_request"):
        service.correct_for_person(correction(reference, request_number="REQ-0000-0000"), officer("no"))
    desk.cancel(reference)
    with pytest.raises(Conflict, match="cannot_correct"):
        service.correct_for_person(correction(reference), officer("ended"))
    service.erase_for_person(wanted(reference), officer("e"))
    for call in (
        lambda: service.correct_for_person(correction(reference), officer("gone")),
        lambda: service.view(ReferenceOnly(reference=reference), officer()),
    ):
        with pytest.raises(NotFound):
            call()


def test_the_person_sees_that_the_officer_looked(desk: Desk, service: Service) -> None:
    reference = desk.submit().reference
    service.view(ReferenceOnly(reference=reference), reception_call())
    found(service, reference)
    own_data(service, reference)
    seen = own_data(service, reference, call=applicant_call()).readers
    assert {(one.role, one.times) for one in seen} == {("privacy", 2), ("reception", 1)}


def test_the_officer_erases_by_no_other_way(desk: Desk, service: Service) -> None:
    """The way of the person has neither a second factor nor a reason."""
    reference = desk.submit().reference
    desk.cancel(reference)
    for call in (service.erase_own_data, service.record_copy):
        with pytest.raises(Forbidden):
            call(OwnApplications(references=(reference,)), officer("k"))
    assert desk.row(reference).erased_at is None


def test_requests_of_the_phone_are_not_told_to_the_officer(desk: Desk, service: Service) -> None:
    """They name a number and no card; a relative may have sent them."""
    reference = desk.submit().reference
    service.send_request(
        SendRequest(kind="complaint", text="They sent me away", language="en"), applicant_call(key="r")
    )
    assert "request" in {one.kind for one in own_data(service, reference, call=applicant_call()).items}
    assert "request" not in {one.kind for one in own_data(service, reference).items}
