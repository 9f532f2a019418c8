"""Applicants see, copy and erase what is kept of them: of what their session has opened, and no more."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text
from structlog.testing import capture_logs

from contracts.errors import Forbidden, NotFound, TooManyAttempts
from contracts.events import DirectoryChanged, PersonalDataErased, VisitorPhotographed
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.call import Call
from contracts.rpc.own_data import ErasedOnRequest, OwnApplications, OwnData, OwnDataQuestion
from services.application.handlers import own_data
from services.application.models import PhotographRow
from services.application.service import Service
from services.application.settings import ApplicationSettings
from tests.integration.audit_rows import tasks
from tests.support.factories.application import (
    NOW,
    OTHER_MOBILE,
    Desk,
    Elsewhere,
    applicant_call,
    companion,
    counter_form,
    form,
    photograph,
    reception_call,
    site,
)
from tests.support.stack.settings import make_settings

AFTER = NOW + timedelta(days=20)
LATER = applicant_call(session=2)
"""Somebody with the same phone."""


def kept(desk: Desk, *references: str, call: Call | None = None, at: datetime = NOW, **asked) -> OwnData:
    question, settings = OwnDataQuestion(references=references, **asked), make_settings(ApplicationSettings)
    with desk.database.transaction() as session:
        return own_data.list_kept(question, call or applicant_call(), session, at, settings)


def erase(
    desk: Desk,
    *references: str,
    days: int = 0,
    key: str = "k",
    at: datetime = AFTER,
    call: Call | None = None,
    pictures: int = 0,
) -> ErasedOnRequest:
    given = {"kept_at_least_days": days, "photographs_kept_at_least_days": pictures}
    settings = make_settings(ApplicationSettings, **given)
    asked, by = OwnApplications(references=references), call or applicant_call(key=key)
    with desk.database.transaction() as session:
        return own_data.erase(asked, by, session, at, settings)


def assert_nothing_goes(desk: Desk, *references: str, **asked) -> None:
    with pytest.raises(NotFound):
        erase(desk, *references, **asked)


def erased(desk: Desk) -> list[str]:
    return [one.reference for one in desk.published() if isinstance(one, PersonalDataErased)]


def test_only_what_the_session_has_opened_of_its_own_mobile_is_told(desk: Desk) -> None:
    own, other = desk.submit().reference, desk.submit(call=applicant_call(OTHER_MOBILE)).reference
    assert {one.reference for one in kept(desk, own, other).items} == {own}
    assert kept(desk, own, call=LATER).items == ()
    at_kiosk = applicant_call()
    at_kiosk = at_kiosk.model_copy(update={"principal": at_kiosk.principal.model_copy(update={"kiosk": "K"})})
    assert {one.reference for one in kept(desk, own, call=at_kiosk).items} == {own}
    with pytest.raises(Forbidden):
        kept(desk, own, call=reception_call())
    asked = OwnApplications(references=(own,))
    with desk.database.transaction() as session, pytest.raises(Forbidden):
        own_data.record_copy(asked, at_kiosk, session, NOW, rate_limits=False)


def test_the_last_four_open_all_applications_with_that_card_and_no_other(desk: Desk) -> None:
    first, second = desk.submit().reference, desk.submit().reference
    of_brother = desk.submit(form(applicant={"id_last4": "1111"})).reference
    desk.open(first, "4821", LATER)
    shown = kept(desk, first, second, of_brother, call=LATER)
    assert {one.reference for one in shown.items} == {first, second}


def test_a_copy_has_answers_and_photograph_but_no_last_four_and_the_page_only_counts(
    desk: Desk,
) -> None:
    desk.receive(DirectoryChanged(site=site(photograph=True)))
    taken = counter_form(photograph=photograph(), mobile="98765 43210", companions=[companion()])
    reference = desk.submit_at_counter(taken).reference
    desk.open(reference)
    page = {one.kind: one for one in kept(desk, reference).items}
    copy = {one.kind: one for one in kept(desk, reference, whole=True).items}
    assert page.keys() == copy.keys() == {"answers", "photograph", "progress"}
    assert [one.records for one in page.values()] == [()] * 3
    (answers,) = copy["answers"].records
    assert (answers["id_type"], answers["companions"][0]["name"]) == ("voter_id", companion()["name"])
    assert "4821" not in str(answers), "it opens this application"
    assert "0917" not in str(answers), "it opens the companion's own applications"
    assert copy["photograph"].records[0]["jpeg"].startswith("/9j/")
    assert (copy["progress"].is_nameless, copy["answers"].until) == (True, page["answers"].until)


def test_a_visit_that_is_over_goes_when_the_site_need_not_keep_it_any_longer(desk: Desk) -> None:
    reference = desk.submit().reference
    desk.receive(Elsewhere.of(desk.row(reference)).rejected())
    row = desk.row(reference)
    due = row.last_matters_at + timedelta(days=30)
    assert erase(desk, reference, days=30, key="1", at=due - timedelta(seconds=1)).references == ()
    assert desk.row(reference).name
    assert erase(desk, reference, days=30, key="2", at=due).references == (reference,)
    assert desk.row(reference).name == ""


def test_what_is_not_set_is_kept_for_as_long_as_everything(desk: Desk) -> None:
    assert make_settings(ApplicationSettings).kept_at_least_days == 180


def test_a_cancelled_one_goes_at_once_and_an_undecided_one_stays(desk: Desk) -> None:
    waiting, cancelled = desk.submit().reference, desk.submit().reference
    desk.cancel(cancelled)
    assert erase(desk, waiting, cancelled, at=NOW + timedelta(hours=1)).references == (cancelled,)
    assert [one.erasable for one in kept(desk, waiting).items if one.kind == "answers"] == [None]
    assert desk.references() == [waiting]


def test_who_may_still_be_inside_is_kept_for_a_day_after_the_visit(desk: Desk) -> None:
    reference = desk.submit().reference
    elsewhere = Elsewhere.of(desk.row(reference))
    number = elsewhere.issued()
    desk.receive(number)
    desk.receive(elsewhere.scanned(number.pass_number, inside=1))
    assert desk.row(reference).status == "entered"
    over = desk.row(reference).last_matters_at
    assert_nothing_goes(desk, reference, key="1", at=over + timedelta(hours=23))
    assert erase(desk, reference, key="2", at=over + timedelta(days=1)).references == (reference,)


@pytest.mark.parametrize("late_entry", [False, True])
def test_one_that_was_cancelled_after_its_pass_was_made_stays_until_nobody_can_be_inside(
    desk: Desk, late_entry: bool
) -> None:
    reference = desk.submit().reference
    elsewhere = Elsewhere.of(desk.row(reference))
    issued = elsewhere.issued()
    desk.receive(issued)
    desk.cancel(reference)
    desk.receive(elsewhere.revoked(issued.pass_number))
    if late_entry:  # a gate without a network had let them in
        desk.receive(elsewhere.scanned(issued.pass_number, inside=1))
    over = desk.row(reference).last_matters_at
    assert over >= issued.valid_to
    assert_nothing_goes(desk, reference, key="1", at=over + timedelta(hours=23))
    assert erase(desk, reference, key="2", at=over + timedelta(days=1)).references == (reference,)


def test_who_has_left_is_kept_until_a_day_after_the_pass_ends_since_they_may_come_again(desk: Desk) -> None:
    reference = desk.submit().reference
    elsewhere = Elsewhere.of(desk.row(reference))
    issued = elsewhere.issued()
    desk.receive(issued)
    desk.receive(elsewhere.scanned(issued.pass_number, inside=1))
    desk.receive(elsewhere.scanned(issued.pass_number, inside=0))
    assert desk.row(reference).status == "left"
    over = desk.row(reference).last_matters_at
    assert_nothing_goes(desk, reference, at=over)


def test_a_repeat_erases_once_and_has_the_same_receipt(desk: Desk) -> None:
    reference = desk.submit().reference
    desk.cancel(reference)
    first, again = erase(desk, reference), erase(desk, reference)
    assert first == again
    assert erased(desk) == [reference]
    assert_nothing_goes(desk, reference, key="another click")


def test_the_log_names_what_was_erased_so_that_it_is_erased_again_after_a_restore(desk: Desk) -> None:
    waiting, cancelled, kept_on = (desk.submit().reference for _ in range(3))
    desk.cancel(cancelled)
    with capture_logs() as lines:
        receipt = erase(desk, waiting, cancelled).receipt
        erase(desk, waiting, cancelled)
    (line,) = lines
    assert (line["event"], line["receipt"], line["references"]) == ("erased on request", receipt, [cancelled])

    desk.cancel(kept_on)  # stands for the one that the restore brought back
    settings = make_settings(ApplicationSettings, kept_at_least_days=0)
    asked = (waiting, cancelled, kept_on, "PCS-0000-0000")
    assert own_data.erase_again(desk.database, AFTER, asked, settings) == ([kept_on], [], [])
    assert (erased(desk), desk.row(waiting).name != "") == ([cancelled, kept_on], True)
    assert tasks(desk.database) == [("erase_again", [kept_on])]


def test_what_was_not_erased_after_all_stands_in_no_log(desk: Desk) -> None:
    reference = desk.submit().reference
    desk.cancel(reference)
    asked = OwnApplications(references=(reference,))
    settings = make_settings(ApplicationSettings, kept_at_least_days=0)
    with capture_logs() as lines, desk.database.transaction() as session:
        own_data.erase(asked, applicant_call(), session, AFTER, settings)
        session.rollback()
    assert (erased(desk), lines) == ([], [])


def test_who_was_told_of_a_breach_is_kept_no_longer_for_it(desk: Desk) -> None:
    reference = desk.submit().reference
    elsewhere, before = Elsewhere.of(desk.row(reference)), desk.row(reference).last_matters_at
    for event in (elsewhere.delivered("breach_notice"), elsewhere.failed("breach_notice")):
        desk.deliver(desk.envelope(event, at=before + timedelta(days=30)))
    assert desk.row(reference).last_matters_at == before


def photographed(desk: Desk) -> str:
    desk.receive(DirectoryChanged(site=site(photograph=True)))
    reference = desk.submit_at_counter(counter_form(photograph=photograph(), mobile="98765 43210")).reference
    desk.open(reference)
    return reference


def photographs_of(desk: Desk) -> int:
    with desk.database.transaction() as session:
        return len(session.scalars(select(PhotographRow)).all())


def test_a_photograph_stays_while_a_gate_may_compare_it_and_goes_when_the_visit_is_over(desk: Desk) -> None:
    reference = photographed(desk)
    assert_nothing_goes(desk, reference, key="undecided", at=NOW + timedelta(minutes=1))
    desk.receive(Elsewhere.of(desk.row(reference)).issued())
    over = desk.row(reference).last_matters_at
    (picture,) = [one for one in kept(desk, reference).items if one.kind == "photograph"]
    assert picture.erasable == over
    assert_nothing_goes(desk, reference, key="it admits", at=over - timedelta(seconds=1))
    assert photographs_of(desk) == 1
    gone = erase(desk, reference, key="over", days=30, at=over)
    assert (gone.references, gone.photographs, photographs_of(desk)) == ((), (reference,), 0)
    told = [event for event in desk.published() if isinstance(event, VisitorPhotographed)]
    assert [event.erased for event in told] == [False, True], "approval learns of it"
    assert desk.row(reference).name


def test_a_photograph_goes_at_once_when_the_visit_does_not_take_place(desk: Desk) -> None:
    reference = photographed(desk)
    desk.receive(Elsewhere.of(desk.row(reference)).rejected())
    gone = erase(desk, reference, days=30, at=NOW + timedelta(minutes=1))
    assert (gone.references, gone.photographs, photographs_of(desk)) == ((), (reference,), 0)


@pytest.mark.parametrize("end", ["over", "rejected", "cancelled"])
def test_a_photograph_stays_for_as_long_as_the_site_keeps_it_although_its_person_asks(
    desk: Desk, end: str
) -> None:
    reference = photographed(desk)
    if end == "cancelled":
        desk.cancel(reference)
    else:
        elsewhere = Elsewhere.of(desk.row(reference))
        desk.receive(elsewhere.issued() if end == "over" else elsewhere.rejected())
    row, given = desk.row(reference), {"days": 30, "pictures": 7}
    due = (row.cancelled_at or row.last_matters_at) + timedelta(days=7)
    assert erase(desk, reference, key="1", at=due - timedelta(seconds=1), **given).photographs == ()
    assert photographs_of(desk) == 1
    assert erase(desk, reference, key="2", at=due, **given).photographs == (reference,)


def test_photographs_that_would_have_to_stay_without_their_people_start_no_process() -> None:
    with pytest.raises(ValueError, match="a photograph goes with its person"):
        make_settings(ApplicationSettings, kept_at_least_days=0, photographs_kept_at_least_days=1)


def test_nobody_erases_what_is_another_ones_or_not_open(desk: Desk) -> None:
    reference = desk.submit().reference
    desk.cancel(reference)
    for call in (applicant_call(OTHER_MOBILE, key="k"), applicant_call(session=2, key="k")):
        assert_nothing_goes(desk, reference, call=call)
    assert erased(desk) == []


@pytest.fixture
def service(desk: Desk) -> Service:
    service = Service()
    service.db, service.settings = desk.database, make_settings(ApplicationSettings, kept_at_least_days=0)
    return service


def test_copies_and_erasures_are_in_the_audit_log_and_the_sixth_copy_waits(desk: Desk, service) -> None:
    reference = desk.submit().reference
    asked = OwnApplications(references=(reference,))
    for number in range(own_data.COPIES_AN_HOUR):
        service.record_copy(asked, applicant_call(key=f"{number}"))
    service.record_copy(asked, applicant_call(key="0"))  # a repeat is no copy
    with pytest.raises(TooManyAttempts):
        service.record_copy(asked, applicant_call(key="one more"))
    other = desk.submit(call=applicant_call(OTHER_MOBILE)).reference
    with pytest.raises(NotFound):
        service.erase_own_data(asked, applicant_call(key="nothing"))
    desk.cancel(reference)
    wider = OwnApplications(references=(reference, other))
    for _ in range(2):
        answer = service.erase_own_data(wider, applicant_call(key="e"))
    receipt = ErasedOnRequest.model_validate(answer).receipt
    with desk.database.transaction() as session:
        rows = session.execute(text("select action, objects, result from audit_log order by at"))
        every = [tuple(row) for row in rows]
    found = [row[:2] for row in every if row[2] == "done"]
    rest = [row for row in every if row[0] == "erase_own_data"]
    assert found.count(("record_copy", [reference])) == 5
    assert [row for row in found if row[0] == "erase_own_data"] == [("erase_own_data", [receipt, reference])]
    assert not any(other in row[1] for row in rest), "what was only asked for is not said to be erased"


def test_who_has_looked_is_told_by_login_for_the_gateway_and_own_looks_are_not(desk: Desk, service) -> None:
    reference = desk.submit().reference
    for _ in range(2):
        service.view(ReferenceOnly(reference=reference), reception_call())
    service.record_copy(OwnApplications(references=(reference,)), applicant_call(key="own"))
    (reader,) = kept(desk, reference).readers
    assert (reader.actor, reader.role, reader.times) == ("RCP-0001", "reception", 2)
