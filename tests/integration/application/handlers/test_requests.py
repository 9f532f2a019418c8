"""Complaints, questions and other requests: the number, the clock, the one answer, and who reads them."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from contracts.errors import Conflict, ContractError, Forbidden, InvalidInput, NotFound, TooManyAttempts
from contracts.events import RequestAnswered
from contracts.model import IST
from contracts.rpc.call import Call
from contracts.rpc.own_data import Kept, OwnApplications, OwnDataQuestion
from contracts.rpc.requests import (
    AnswerRequest,
    ClosedAs,
    CloseRequest,
    EnterRequest,
    RequestKind,
    RequestList,
    RequestNumber,
    RequestQuestion,
    RequestSent,
    RequestStatus,
    RequestStatusQuestion,
    RequestView,
    SendRequest,
)
from services.application.handlers import own_data, requests, scheduled_jobs
from services.application.metrics import REQUEST_LATE, REQUESTS_CLOSED
from services.application.settings import ApplicationSettings
from tests.support.factories.application import (
    AADHAAR,
    MOBILE,
    NOW,
    OTHER_MOBILE,
    Desk,
    applicant_call,
    department_call,
    reception_call,
)
from tests.support.stack.settings import make_settings

WORDS = "The counter sent me away.\nWhy?"
DAY = timedelta(days=1)
SETTINGS = make_settings(ApplicationSettings)


def officer(key: str | None = None, role: str = "grievance") -> Call:
    return reception_call(site=None, key=key, login="GRO-0001", role=role)


def send(
    desk: Desk,
    call: Call | None = None,
    at: datetime = NOW,
    words: str = WORDS,
    settings: ApplicationSettings = SETTINGS,
    kind: RequestKind = "complaint",
) -> RequestSent:
    request = SendRequest(kind=kind, text=words, language="pa")
    with desk.database.transaction() as session:
        return requests.send(request, call or applicant_call(), session, at, settings)


def view(desk: Desk, number: str, call: Call | None = None, at: datetime = NOW) -> RequestView:
    with desk.database.transaction() as session:
        return requests.view(RequestNumber(request_number=number), call or applicant_call(), session, at)


def listed(desk: Desk, call: Call, at: datetime = NOW, *, answered: bool = False) -> RequestList:
    with desk.database.transaction() as session:
        return requests.list_requests(RequestQuestion(answered=answered), call, session, at)


def answer(
    desk: Desk, number: str, call: Call | None = None, words: str = "It was closed.", at: datetime = NOW
) -> RequestSent:
    request = AnswerRequest(request_number=number, answer=words)
    with desk.database.transaction() as session:
        return requests.answer(request, call or officer(), session, at)


def answered_events(desk: Desk) -> list[RequestAnswered]:
    return [one for one in desk.published() if isinstance(one, RequestAnswered)]


def test_a_request_has_a_number_and_a_last_day_by_which_it_is_answered(desk: Desk) -> None:
    number = send(desk).request_number
    shown = view(desk, number.lower().replace("-", " "))
    assert (shown.request_number, shown.kind, shown.text) == (number, "complaint", WORDS)
    assert shown.answer_by == datetime(2026, 5, 31, 23, 59, tzinfo=IST)
    sooner = send(desk, settings=make_settings(ApplicationSettings, request_days=1)).request_number
    assert view(desk, sooner).answer_by - NOW < 2 * DAY


@pytest.mark.parametrize("days", [0, 91])
def test_a_clock_that_the_rules_do_not_allow_starts_no_process(days: int) -> None:
    with pytest.raises(ValueError, match="request_days"):
        make_settings(ApplicationSettings, request_days=days)


def followed(desk: Desk, number: str, last4: str = MOBILE[-4:]) -> RequestStatus:
    with desk.database.transaction() as session:
        return requests.status(RequestStatusQuestion(request_number=number, mobile_last4=last4), session)


def test_a_number_and_the_last_four_of_the_mobile_say_how_far_a_request_is_and_no_word_of_it(
    desk: Desk,
) -> None:
    number, spam = send(desk).request_number, send(desk).request_number
    waits = followed(desk, number.lower().replace("-", " "), f" {MOBILE[-4:]} ")
    due = view(desk, number).answer_by
    assert waits == RequestStatus(request_number=number, sent_at=NOW, answer_by=due)
    answer(desk, number)
    close(desk, spam)
    assert followed(desk, number) == waits.model_copy(update={"answered_at": NOW})
    assert followed(desk, spam).closed_at == NOW
    assert followed(desk, spam).answered_at is None


def test_a_wrong_number_a_wrong_mobile_and_a_request_without_one_get_the_same_answer(desk: Desk) -> None:
    number, entered = send(desk).request_number, enter(desk, officer()).request_number
    wrong = ((number, "0000"), (number, ""), (entered, "none"), ("REQ-0000-0000", "3210"), ("x", "3210"))
    errors = set()
    for asked in wrong:
        with pytest.raises(NotFound) as error:
            followed(desk, *asked)
        errors.add(error.value.body.model_dump_json())
    assert len(errors) == 1


def test_a_repeated_command_has_one_effect_and_one_number(desk: Desk) -> None:
    first, again = (send(desk, applicant_call(key="k")) for _ in range(2))
    assert first == again
    assert len(listed(desk, applicant_call()).items) == 1


def test_an_aadhaar_number_is_masked_in_a_request_and_in_its_answer(desk: Desk) -> None:
    sent = send(desk, words=f"My card is {AADHAAR}")
    assert sent.masked
    assert answer(desk, sent.request_number, words=f"Not {AADHAAR}").masked
    shown = view(desk, sent.request_number)
    assert (shown.text, shown.answer) == ("My card is XXXX XXXX 0124", "Not XXXX XXXX 0124")


def test_nobody_reads_the_words_in_the_database(desk: Desk) -> None:
    answer(desk, send(desk).request_number)
    with desk.database.transaction() as session:
        stored = str(session.execute(text("select * from requests")).all())
        stored += str(session.execute(text("select data, personal from outbox")).all())
    assert "REQ-" in stored
    assert "sent me away" not in stored
    assert "It was closed" not in stored


def kiosk_call() -> Call:
    call = applicant_call()
    principal = call.principal.model_copy(update={"kiosk": "KIO-0001", "site": "S1"})
    return call.model_copy(update={"principal": principal})


@pytest.mark.parametrize(
    ("call", "refusal"),
    [
        (applicant_call(OTHER_MOBILE), NotFound), (kiosk_call(), Forbidden), (department_call(), Forbidden),
        (reception_call(), Forbidden), (officer(role="ado"), Forbidden),
    ],
    ids=["another mobile", "a kiosk", "a department", "a counter", "the ADO Branch"],
)  # fmt: skip
def test_only_who_sent_it_and_the_grievance_officer_read_a_request(
    desk: Desk, call: Call, refusal: type[ContractError]
) -> None:
    number = send(desk).request_number
    with pytest.raises(refusal):
        view(desk, number, call)
    assert view(desk, number).text == view(desk, number, officer()).text == WORDS
    assert listed(desk, applicant_call(OTHER_MOBILE)).items == ()


@pytest.mark.parametrize("call", [applicant_call(), department_call(), officer(role="ado")])
def test_only_the_grievance_officer_answers(desk: Desk, call: Call) -> None:
    number = send(desk).request_number
    with pytest.raises(Forbidden):
        answer(desk, number, call)
    assert view(desk, number).answered_at is None


def test_an_answer_closes_the_request_and_its_sender_is_told_once(desk: Desk) -> None:
    number = send(desk).request_number
    for _ in range(2):
        answer(desk, number, officer("k"))
    with pytest.raises(Conflict, match="already_answered"):
        answer(desk, number, officer(), "Another one")
    shown = view(desk, number)
    assert (shown.answer, shown.answered_at) == ("It was closed.", NOW)
    (event,) = answered_events(desk)
    assert (event.request_number, event.language, event.personal.mobile) == (number, "pa", MOBILE)


def test_an_empty_request_or_answer_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidInput, match="empty"):
        send(desk, words=" \n\u200b ")
    number = send(desk).request_number
    with pytest.raises(InvalidInput, match="empty"):
        answer(desk, number, words=" ")
    assert answered_events(desk) == []


def test_one_mobile_sends_five_requests_a_day(desk: Desk) -> None:
    limited = make_settings(ApplicationSettings, rate_limits=True)
    for _ in range(5):
        send(desk, settings=limited)
    with pytest.raises(TooManyAttempts) as refusal:
        send(desk, at=NOW + DAY / 2, settings=limited)
    assert refusal.value.body.facts["retry_after"] == DAY.total_seconds() / 2
    send(desk, applicant_call(OTHER_MOBILE), settings=limited)
    send(desk, at=NOW + DAY, settings=limited)


def test_officers_see_what_waits_the_oldest_first_and_how_many_are_late(desk: Desk) -> None:
    late, answered, waiting = (send(desk, at=NOW + n * DAY).request_number for n in range(3))
    answer(desk, answered)
    at = view(desk, late).answer_by
    for role in ("grievance", "ado"):
        found = listed(desk, officer(role=role), at)
        assert [(one.request_number, one.is_late) for one in found.items] == [(late, True), (waiting, False)]
        assert found.late == 1
    assert [one.request_number for one in listed(desk, officer(), at, answered=True).items] == [answered]
    assert [one.request_number for one in listed(desk, applicant_call(), at).items] == [
        waiting, answered, late,
    ]  # fmt: skip


def test_the_metric_tells_by_how_much_the_oldest_unanswered_request_is_late(desk: Desk) -> None:
    def measured(at: datetime) -> float:
        with desk.database.transaction() as session:
            requests.measure(session, at)
        return float(REQUEST_LATE._value.get())

    number = send(desk).request_number
    due = view(desk, number).answer_by
    assert (measured(due - DAY), measured(due + DAY)) == (0, DAY.total_seconds())
    answer(desk, number)
    assert measured(due + DAY) == 0


def left_after(desk: Desk, days: int) -> set[str]:
    """Return the requests that are left when so many days are over."""
    with desk.database.transaction() as session:
        requests.delete_old(session, NOW + days * DAY, 180)
    return {one.request_number for one in listed(desk, applicant_call()).items}


def until(desk: Desk) -> dict[str, datetime | None]:
    """Return what their sender reads: when each request is deleted by itself."""
    question = OwnDataQuestion(references=())
    with desk.database.transaction() as session:
        found = own_data.list_kept(question, applicant_call(), session, NOW, SETTINGS)
    return {one.reference: one.until for one in found.items}


def test_a_request_is_deleted_after_the_retention_from_its_answer_and_never_without_one(desk: Desk) -> None:
    answered, waiting = (send(desk).request_number for _ in range(2))
    answer(desk, answered)
    assert until(desk) == {answered: NOW + 180 * DAY, waiting: None}
    assert left_after(desk, 180) == {answered, waiting}
    assert left_after(desk, 181) == left_after(desk, 3_000) == {waiting}


def test_a_nomination_stays_for_as_long_as_its_mobile_has_an_application(desk: Desk) -> None:
    nomination = send(desk, kind="nomination").request_number
    answer(desk, nomination)
    reference = desk.submit().reference
    assert until(desk) == {nomination: None}
    assert left_after(desk, 3_000) == {nomination}
    with desk.database.transaction() as session:
        scheduled_jobs.erase_personal_data(desk.row(reference).id, session, NOW)
    assert until(desk) == {nomination: NOW + 180 * DAY}
    assert left_after(desk, 181) == set()


def enter(desk: Desk, call: Call, kind: RequestKind = "own_data", **given: str) -> RequestSent:
    words = {"text": WORDS, "name": "Banta Singh", "contact": "House 12\nMohali", **given}
    request = EnterRequest(kind=kind, language="pa", **words)
    with desk.database.transaction() as session:
        return requests.enter(request, call, session, NOW, SETTINGS)


@pytest.mark.parametrize("role", ["grievance", "privacy"])
def test_an_officer_enters_a_request_of_somebody_without_a_mobile_with_the_clock_of_all_others(
    desk: Desk, role: str
) -> None:
    number = enter(desk, officer("k", role)).request_number
    assert enter(desk, officer("k", role)).request_number == number
    shown = view(desk, number, officer(role=role))
    assert (shown.name, shown.contact, shown.text) == ("Banta Singh", "House 12\nMohali", WORDS)
    assert shown.answer_by == view(desk, send(desk).request_number).answer_by
    with desk.database.transaction() as session:
        requests.measure(session, shown.answer_by + DAY)
        assert "Banta" not in str(session.execute(text("select * from requests")).all())
    assert float(REQUEST_LATE._value.get()) == DAY.total_seconds()
    with pytest.raises(NotFound):
        view(desk, number, applicant_call())
    answer(desk, number, officer("a", role))
    assert answered_events(desk) == [], "there is nobody to send a message to"
    assert view(desk, number, officer(role=role)).answer == "It was closed."


def test_whoever_entered_a_complaint_prints_it_and_another_officer_answers_it(desk: Desk) -> None:
    number = enter(desk, officer("k", "privacy"), "complaint").request_number
    by = officer("a", "privacy")
    assert view(desk, number, by).text == WORDS
    with pytest.raises(NotFound):
        answer(desk, number, by)
    other = by.model_copy(update={"principal": by.principal.model_copy(update={"login_id": "DPO-0002"})})
    with pytest.raises(NotFound):
        view(desk, number, other)
    answer(desk, number)
    assert view(desk, number, by).answer == "It was closed."


def test_what_is_entered_has_a_name_and_a_way_to_answer_and_no_aadhaar_number(desk: Desk) -> None:
    for missing in ("text", "name", "contact"):
        with pytest.raises(InvalidInput, match="empty"):
            enter(desk, officer("k"), **{missing: " "})
    for call in (applicant_call(key="k"), department_call(), officer("k", "ado")):
        with pytest.raises(Forbidden):
            enter(desk, call)
    sent = enter(desk, officer("k"), contact=f"Card {AADHAAR}")
    assert (sent.masked, view(desk, sent.request_number, officer()).contact) == (True, "Card XXXX XXXX 0124")


def test_the_data_officer_reads_and_answers_what_is_about_data_and_nothing_else(desk: Desk) -> None:
    data, complaint = send(desk, kind="own_data").request_number, send(desk).request_number
    by = officer(role="privacy")
    due = view(desk, complaint).answer_by
    shown = listed(desk, by, due)
    assert ([one.request_number for one in shown.items], shown.late) == ([data], 1)
    assert view(desk, data, by).text == WORDS
    for refused in (view, answer):
        with pytest.raises(NotFound):
            refused(desk, complaint, by)
    answer(desk, data, by)
    assert [one.request_number for one in listed(desk, by, answered=True).items] == [data]


def close(
    desk: Desk, number: str, call: Call | None = None, closed_as: ClosedAs = "spam", at: datetime = NOW
) -> RequestSent:
    request = CloseRequest(request_number=number, closed_as=closed_as)
    with desk.database.transaction() as session:
        return requests.close(request, call or officer("c"), session, at)


def test_a_request_that_gets_no_answer_is_closed_counted_and_told_to_nobody_but_who_follows_it(
    desk: Desk,
) -> None:
    number = send(desk).request_number
    before = REQUESTS_CLOSED.labels("spam")._value.get()
    for _ in range(2):
        close(desk, number)
    assert REQUESTS_CLOSED.labels("spam")._value.get() == before + 1
    assert answered_events(desk) == []
    shown = view(desk, number)
    assert (shown.closed_as, shown.answered_at, shown.answer) == ("spam", NOW, "")
    assert [one.closed_as for one in listed(desk, officer(role="ado"), answered=True).items] == ["spam"]
    assert listed(desk, officer(), view(desk, number).answer_by).late == 0
    for again in (close, answer):
        with pytest.raises(Conflict, match="already_answered"):
            again(desk, number, officer("another"))


@pytest.mark.parametrize("role", ["ado", "reception", "privacy"])
def test_nobody_else_closes_a_complaint(desk: Desk, role: str) -> None:
    number = send(desk).request_number
    with pytest.raises((Forbidden, NotFound)):
        close(desk, number, officer(role=role))
    assert view(desk, number).answered_at is None


def kept(desk: Desk, call: Call, *, whole: bool = False) -> dict[str, Kept]:
    question = OwnDataQuestion(references=(), whole=whole)
    with desk.database.transaction() as session:
        found = own_data.list_kept(question, call, session, NOW, SETTINGS)
    return {one.reference: one for one in found.items}


def test_own_requests_are_part_of_what_is_kept_and_of_the_copy(desk: Desk) -> None:
    waiting, answered = send(desk).request_number, send(desk, words="Another").request_number
    answer(desk, answered)
    page, copy = kept(desk, applicant_call()), kept(desk, applicant_call(), whole=True)
    assert page.keys() == {waiting, answered}
    assert (page[waiting].kind, page[waiting].records, page[waiting].erasable) == ("request", (), None)
    assert page[answered].until == page[answered].erasable == NOW + 180 * DAY
    (record,) = copy[answered].records
    assert (record["text"], record["answer"], record["kind"]) == ("Another", "It was closed.", "complaint")
    assert kept(desk, applicant_call(OTHER_MOBILE)) == {}
    call = applicant_call()
    at_kiosk = call.principal.model_copy(update={"kiosk": "KIO-0001", "site": "S1"})
    assert kept(desk, call.model_copy(update={"principal": at_kiosk})) == {}


def test_no_request_is_erased_at_a_kiosk(desk: Desk) -> None:
    answered = send(desk).request_number
    answer(desk, answered)
    call = applicant_call(key="kiosk")
    at_kiosk = call.principal.model_copy(update={"kiosk": "KIO-0001", "site": "S1"})
    with desk.database.transaction() as session, pytest.raises(NotFound):
        own_data.erase(
            OwnApplications(references=(answered,)),
            call.model_copy(update={"principal": at_kiosk}),
            session,
            NOW + 400 * DAY,
            SETTINGS,
        )


def test_own_requests_are_erased_once_they_have_been_answered_for_as_long_as_the_site_keeps_them(
    desk: Desk,
) -> None:
    waiting, answered = (send(desk).request_number for _ in range(2))
    of_another = send(desk, applicant_call(OTHER_MOBILE)).request_number
    for number in (answered, of_another):
        answer(desk, number)
    settings = make_settings(ApplicationSettings, kept_at_least_days=30)
    asked = OwnApplications(references=(waiting, answered, of_another))

    def erase(at: datetime) -> tuple[str, ...]:
        with desk.database.transaction() as session:
            return own_data.erase(asked, applicant_call(key=f"{at}"), session, at, settings).requests

    with pytest.raises(NotFound):
        erase(NOW + 29 * DAY)
    assert erase(NOW + 30 * DAY) == (answered,)
    assert [one.request_number for one in listed(desk, applicant_call()).items] == [waiting]
    assert len(listed(desk, applicant_call(OTHER_MOBILE)).items) == 1


def test_requests_that_a_restore_brought_back_are_erased_again_by_their_numbers(desk: Desk) -> None:
    number, other = (send(desk).request_number for _ in range(2))
    for one in (number, other):
        answer(desk, one)
    gone, _pictures, _locked = own_data.erase_again(desk.database, NOW + 181 * DAY, [number], SETTINGS)
    assert gone == [number]
    assert [one.request_number for one in listed(desk, applicant_call()).items] == [other]
