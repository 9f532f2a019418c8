"""A correction at the desk: it takes effect before a decision, and waits for one after an approval."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from contracts.errors import Conflict, Forbidden, InvalidInput
from contracts.events import (
    ApplicationCorrected,
    ApplicationSubmitted,
    CorrectionSettled,
    GateAdvised,
    PassApproved,
)
from contracts.model import Companion
from contracts.rpc.approval.capacity import SetCapacity
from contracts.rpc.approval.decisions import SettleCorrection
from contracts.rpc.approval.reviews import ReviewQuestion, ReviewView
from contracts.rpc.call import Principal
from contracts.rpc.own_data import OwnDataQuestion
from services.approval import metrics
from services.approval.handlers import corrections, event_handlers, own_data, queries
from services.approval.handlers.capacity import set_capacity
from services.approval.models.reviews import BookingRow, ReviewRow
from services.chassis.db.database import Database
from tests.integration.approval.handlers.closing import ask, close
from tests.integration.approval.handlers.decide import approve, refused, reject, send_back, withdraw
from tests.integration.approval.handlers.watch import SECOND, advice, view
from tests.support.factories.approval import (
    NOW,
    TUESDAY,
    active,
    amended,
    assistant,
    by,
    cancelled,
    capacity,
    deliver,
    desk,
    erased,
    everything,
    fill_directory,
    ist,
    mobile_changed,
    person,
    published,
    received,
    review_id_of,
    scanned,
    slot,
    submitted,
)

WRONG, RIGHT, WATCHED = "Gurprit", "Harjinder Kaur Gill", "Gurprit Kaur"


@pytest.fixture
def database(databases) -> Database:
    fill_directory(databases["approval"])
    return databases["approval"]


def corrected(
    first: ApplicationSubmitted, name: str = RIGHT, *, waits: bool = False, number: int = 1, **changes: Any
) -> ApplicationCorrected:
    """Return the event of a correction; application knows of an approval where it waits."""
    companions = changes.pop("companions", ())
    applicant = person(name=name, name_latin=name, id_last4=changes.pop("id_last4", "4821"))
    of_people = {"applicant": applicant, "companions": companions}
    told = {"personal": first.personal.model_copy(update=of_people), "party": 1 + len(companions)}
    facts = {"number": number, "corrected": ("name",), "waits": waits, "revision": 1 if waits else 2}
    return ApplicationCorrected(**{**dict(first), **told, **facts, **changes})


def hear(database: Database, event: ApplicationCorrected, seq: int = 2, at: Any = None) -> None:
    with database.transaction() as session:
        event_handlers.handle_application_submitted_or_amended(received(event, seq, at), session)


def applied(database: Database) -> tuple[ApplicationSubmitted, UUID]:
    """Return an application of one person, and its review."""
    first = submitted(party=1, personal=submitted().personal.model_copy(update={"companions": ()}))
    deliver(database, first)
    return first, review_id_of(database, first.application_id)


def waiting(database: Database, **changes: Any) -> tuple[ApplicationSubmitted, UUID]:
    """Return an approved visit of which a correction waits."""
    first, review_id = applied(database)
    approve(database, review_id)
    hear(database, corrected(first, waits=True, **changes))
    return first, review_id


def settle(
    database: Database, review_id: UUID, who: Any = None, key: str | None = None, **given: Any
) -> ReviewView:
    request = SettleCorrection(**{"review_id": review_id, "number": 1, "confirm": True, **given})
    with database.transaction() as session:
        return corrections.settle(request, by(who or desk(), key), session, NOW)


@pytest.mark.parametrize("waits", [False, True])
def test_the_desk_says_when_the_data_officer_made_it_also_once_it_is_settled(
    database: Database, *, waits: bool
) -> None:
    first, review_id = (waiting if waits else applied)(database)
    by_officer = corrected(first, "Gurprit", waits=waits, number=2, corrected_by="privacy")
    hear(database, by_officer, seq=3)
    assert view(database, review_id).corrected_by == "privacy"
    if waits:
        settle(database, review_id, number=2)
    shown = view(database, review_id)
    assert (shown.name, shown.corrected_by, shown.correction) == ("Gurprit", "privacy", None)
    hear(database, corrected(first, waits=waits, number=3, revision=3), seq=4)
    assert view(database, review_id).corrected_by == "applicant"


def told(database: Database) -> list[tuple[str, str, str | None]]:
    """Return what was published about corrections: the outcome, who comes, and who is wanted."""
    return [
        (one.outcome, one.personal.applicant.name, one.personal.wanted and one.personal.wanted.applicant.name)
        for one in published(database, CorrectionSettled)
    ]


def test_before_a_decision_the_desk_shows_what_was_corrected_and_the_wait_goes_on(database: Database) -> None:
    first, review_id = applied(database)
    before = view(database, review_id)
    hear(database, corrected(first))
    after = view(database, review_id)
    assert (after.name, after.status, after.revision) == (RIGHT, "pending", 2)
    assert (after.corrected, after.correction) == (("name",), None)
    assert after.corrected_at is not None
    assert (after.waiting_since, after.submitted_at) == (before.waiting_since, before.submitted_at)
    assert published(database, CorrectionSettled) == [], "application knows it"


def test_who_read_it_before_the_correction_reads_it_again(database: Database) -> None:
    first, review_id = applied(database)
    hear(database, corrected(first))
    assert refused(database, Conflict, approve, review_id, revision=1).code == "application_changed"
    approve(database, review_id, revision=2)
    (event,) = published(database, PassApproved)
    assert event.personal.applicant.name == RIGHT


def test_what_was_sent_back_stays_so_and_a_decision_that_crossed_it_is_made_again(database: Database) -> None:
    first, review_id = applied(database)
    send_back(database, review_id)
    hear(database, corrected(first, revision=1))
    assert view(database, review_id).status == "returned"
    first, review_id = applied(database)
    reject(database, review_id)
    hear(database, corrected(first))
    assert view(database, review_id).status == "pending", "as with other dates that cross a rejection"


def test_after_an_approval_it_waits_on_the_desk_and_the_visit_stays_as_it_was(database: Database) -> None:
    first, review_id = waiting(database)
    shown = view(database, review_id)
    assert (shown.status, shown.name, shown.party) == ("approved", first.personal.applicant.name, 1)
    assert shown.correction is not None
    assert (shown.correction.name, shown.correction.number) == (RIGHT, 1)
    assert told(database) == []
    with database.transaction() as session:
        question = ReviewQuestion(corrected=True, counts=True)
        found = queries.list_reviews(question, by(desk()), session, NOW)
    assert ([one.id for one in found.items], found.counts and found.counts.corrections) == ([review_id], 1)


def test_confirmed_it_takes_effect_and_is_told_once(database: Database) -> None:
    _, review_id = waiting(database)
    for _ in range(2):
        shown = settle(database, review_id, key="one")
        assert (shown.name, shown.correction, shown.status) == (RIGHT, None, "approved")
    (event,) = published(database, CorrectionSettled)
    assert (event.outcome, event.approved_revision, event.personal.applicant.name) == ("applied", 1, RIGHT)
    assert refused(database, Conflict, settle, review_id).code == "already_settled"


def test_refused_with_a_word_nothing_changes(database: Database) -> None:
    first, review_id = waiting(database)
    for note, code in (("", "required"), ("see http://x.example", "link")):
        body = refused(database, InvalidInput, settle, review_id, confirm=False, note=note)
        assert [(one.field, one.code) for one in body.fields] == [("note", code)]
    settle(database, review_id, confirm=False, note="Bring the card")
    assert told(database) == [("refused", first.personal.applicant.name, RIGHT)]
    assert view(database, review_id).name == first.personal.applicant.name


def test_another_correction_since_it_was_read_is_a_conflict(database: Database) -> None:
    first, review_id = waiting(database)
    hear(database, corrected(first, "Another", waits=True, number=2), seq=3)
    assert refused(database, Conflict, settle, review_id).code == "application_changed"
    assert settle(database, review_id, number=2).name == "Another"


def test_one_that_is_taken_back_waits_no_more(database: Database) -> None:
    first, review_id = waiting(database)
    back = corrected(first, waits=True, number=2, corrected=(), personal=first.personal)
    hear(database, back, seq=3)
    assert (view(database, review_id).correction, told(database)) == (None, [])
    assert refused(database, Conflict, settle, review_id, number=2).code == "already_settled"


def test_one_that_is_taken_back_while_it_is_confirmed_waits_to_be_confirmed_itself(
    database: Database,
) -> None:
    first, review_id = waiting(database)
    settle(database, review_id)
    before = first.personal.applicant.name
    hear(database, corrected(first, before, waits=True, number=2, corrected=()), seq=3)
    assert told(database)[-1] == ("waits", RIGHT, before), "application does not know that it was confirmed"
    assert settle(database, review_id, number=2).name == before


def test_the_desk_compares_with_what_was_approved_and_not_with_what_application_thought(
    database: Database,
) -> None:
    first, review_id = applied(database)
    approve(database, review_id)
    hear(database, corrected(first))
    noor = Companion(name="Noor", child=True)
    hear(
        database, corrected(first, number=2, revision=3, corrected=("companions",), companions=(noor,)), seq=3
    )
    waits = view(database, review_id)
    assert waits.correction is not None
    assert set(waits.corrected) == {"name", "companions"}


def test_a_refused_party_comes_with_no_other_dates(database: Database) -> None:
    first, review_id = applied(database)
    approve(database, review_id)
    noor = Companion(name="Noor", child=True)
    hear(database, corrected(first, companions=(noor,)))
    settle(database, review_id, confirm=False, note="Only you")
    with database.transaction() as session:
        row = session.get_one(ReviewRow, review_id)
        assert row.later is not None
        assert row.later.party == 1


def test_a_copy_does_not_tell_who_confirmed_first_because_of_the_watchlist(database: Database) -> None:
    first, review_id = waiting(database)
    with database.transaction() as session:
        row = session.get_one(ReviewRow, review_id)
        assert row.correction is not None
        row.correction = {**row.correction, "confirmed_by": "HOM-0001"}
    applicant = Principal(kind="applicant", id="applicant:1", mobile=first.personal.applicant.mobile)
    with database.transaction() as session:
        question = OwnDataQuestion(references=(first.reference,), whole=True)
        copy = own_data.list_kept(question, by(applicant), session).model_dump_json()
    assert RIGHT in copy
    assert "confirmed_by" not in copy
    assert "HOM-0001" not in copy.replace('"decided_by"', "")


def test_an_approval_that_crossed_it_is_told_to_application(database: Database) -> None:
    first, review_id = applied(database)
    approve(database, review_id)
    hear(database, corrected(first))
    assert told(database) == [("waits", first.personal.applicant.name, RIGHT)]
    assert settle(database, review_id).name == RIGHT


def test_where_no_approval_is_in_force_any_more_it_takes_effect(database: Database) -> None:
    first, _ = applied(database)
    hear(database, corrected(first, waits=True))
    assert told(database) == [("applied", RIGHT, None)]


def test_once_somebody_went_in_nobody_is_asked_and_nothing_is_confirmed(database: Database) -> None:
    first, review_id = waiting(database)
    measured(database)
    deliver(database, scanned(first, ist(TUESDAY, 10)))
    assert view(database, review_id).correction is None
    assert refused(database, Conflict, settle, review_id).code == "visit_begun"
    assert measured(database) == 0


def test_a_visit_that_was_moved_has_not_begun_by_who_came_before_it(database: Database) -> None:
    first, review_id = waiting(database)
    deliver(database, scanned(first, ist(TUESDAY, 10)))
    with database.transaction() as session:
        session.execute(update(BookingRow).values(day=TUESDAY + timedelta(days=2)))
    assert view(database, review_id).correction is not None
    assert measured(database, ist(TUESDAY, 12)) > 0
    settle(database, review_id)
    assert [outcome for outcome, *_ in told(database)][-1:] == ["applied"]


def test_a_withdrawal_and_a_cancellation_end_it(database: Database) -> None:
    first, review_id = waiting(database)
    withdraw(database, review_id)
    second, other = waiting(database)
    deliver(database, cancelled(second), seq=3)
    for one in (review_id, other):
        assert view(database, one).correction is None
        assert refused(database, Conflict, settle, one).code == "already_settled"
    hear(database, corrected(first, waits=True, number=2), seq=3)
    assert told(database) == []


def test_it_takes_effect_when_the_day_of_the_visit_is_closed(database: Database) -> None:
    _, review_id = waiting(database)
    close(database)
    assert ask(database) == 1
    shown = view(database, review_id)
    assert (shown.status, shown.name, shown.correction) == ("returned", RIGHT, None)


def test_a_larger_party_is_booked_or_refused_as_an_approval_is(database: Database) -> None:
    three = tuple(Companion(name=name, child=True) for name in ("Asha", "Noor", "Ravi"))
    _, review_id = waiting(database, companions=three)
    assert settle(database, review_id).party == 4
    with database.transaction() as session:
        assert session.scalars(select(BookingRow.party)).all() == [4]
    limit(database, 4)
    _, review_id = waiting_at(database, "12:00", "13:00", three)
    limit(database, 3)
    assert refused(database, Conflict, settle, review_id).code == "window_full"


def test_a_smaller_party_is_never_refused_for_places(database: Database) -> None:
    two = tuple(Companion(name=name, child=True) for name in ("Asha", "Noor"))
    first, review_id = waiting(database, companions=two)
    assert settle(database, review_id).party == 3
    limit(database, 1)
    hear(database, corrected(first, waits=True, number=2, companions=two[:1]), seq=3)
    assert settle(database, review_id, number=2).party == 2
    with database.transaction() as session:
        assert session.scalars(select(BookingRow.party)).all() == [2]


def test_whom_a_correction_brings_is_compared_with_the_watchlist_anew(database: Database) -> None:
    active(database, name=RIGHT, id_last4="7777")
    first, review_id = applied(database)
    hear(database, corrected(first, id_last4="7777"))
    assert view(database, review_id).second_officer
    hear(database, corrected(first, WRONG, id_last4="1111", revision=3, number=2), seq=3)
    assert not view(database, review_id).second_officer


def test_somebody_new_who_is_watched_needs_two_officers_and_the_gate_hears(database: Database) -> None:
    active(database, name=RIGHT, id_last4="7777")
    _, review_id = waiting(database, id_last4="7777", corrected=("name", "id"))
    shown = settle(database, review_id)
    assert shown.correction is not None
    assert (shown.correction.confirmed_by, told(database)) == ("HOM-0001", [])
    assert refused(database, Conflict, settle, review_id).code == "second_officer"
    assert settle(database, review_id, SECOND).name == RIGHT
    assert advice(database)[-1] is True
    assert len(published(database, GateAdvised)) == 2


def test_an_assistant_prepares_and_does_not_confirm(database: Database) -> None:
    _, review_id = waiting(database)
    assert refused(database, Forbidden, settle, review_id, assistant()).code == "no_delegation"


def test_a_number_that_changed_meanwhile_stays(database: Database) -> None:
    """The correction has the number of before; who has proved another one keeps it."""
    new = "+919811122233"
    for seq in (2, 4):
        first, review_id = applied(database)
        approve(database, review_id)
        event = corrected(first, waits=True)
        if seq == 2:  # it was changed before the correction, which has it, and is heard of after it
            to = event.personal.applicant.model_copy(update={"mobile": new})
            event = event.model_copy(update={"personal": event.personal.model_copy(update={"applicant": to})})
        hear(database, event, seq=3)
        deliver(database, mobile_changed(first, new), seq=seq)
        settle(database, review_id)
        assert published(database, CorrectionSettled)[-1].personal.applicant.mobile == new, seq


def test_in_any_order_and_twice_the_newest_correction_counts(database: Database) -> None:
    first, review_id = applied(database)
    approve(database, review_id)
    hear(database, corrected(first, "Newest", waits=True, number=2), seq=3)
    before = everything(database)
    for name, number, seq in ((RIGHT, 1, 2), ("Newest", 2, 3)):
        hear(database, corrected(first, name, waits=True, number=number), seq=seq)
    assert everything(database) == before


def test_a_correction_that_comes_before_its_application_is_noted(database: Database) -> None:
    first = submitted()
    hear(database, corrected(first))
    deliver(database, first, seq=1)
    shown = view(database, review_id_of(database, first.application_id))
    assert (shown.name, shown.corrected) == (RIGHT, ("name",))


def test_other_dates_after_it_keep_who_comes(database: Database) -> None:
    first, review_id = applied(database)
    hear(database, corrected(first))
    later = amended(first, revision=3, personal=corrected(first).personal)
    deliver(database, later, seq=3)
    assert view(database, review_id).name == RIGHT


def test_an_erasure_leaves_nothing_of_it(database: Database) -> None:
    first, review_id = waiting(database)
    deliver(database, erased(first), seq=3)
    hear(database, corrected(first, waits=True, number=2), seq=4)
    with database.transaction() as session:
        row = session.get_one(ReviewRow, review_id)
        assert (row.correction, row.correction_since, row.name) == (None, None, "")


def test_the_age_of_the_oldest_is_measured_until_the_visit_is_over(database: Database) -> None:
    _, review_id = waiting(database)
    with database.transaction() as session:
        since = session.get_one(ReviewRow, review_id).correction_since
    assert since is not None
    assert measured(database) == (NOW - since).total_seconds()
    assert measured(database, NOW + timedelta(days=2)) == 0
    settle(database, review_id)
    assert measured(database) == 0


def test_a_correction_is_urgent_from_when_a_stand_in_is_asked_before_the_visit(database: Database) -> None:
    """Of a visit of Tuesday at ten, four hours of open time before it: Monday at two."""
    _, review_id = waiting(database)
    monday_at_two = NOW + timedelta(hours=3)
    for at, urgent in (
        (monday_at_two - timedelta(minutes=1), 0),
        (monday_at_two, 1),
        (NOW + timedelta(days=1), 1),
        (NOW + timedelta(days=1, hours=1, minutes=1), 0),
    ):
        measured(database, at)
        assert metrics.CORRECTIONS_URGENT._value.get() == urgent, at
        with database.transaction() as session:
            listed = queries.list_reviews(ReviewQuestion(corrected=True), by(desk()), session, at).items
        assert [one.correction.urgent for one in listed if one.correction] == [bool(urgent)], at
    settle(database, review_id)
    measured(database, monday_at_two)
    assert metrics.CORRECTIONS_URGENT._value.get() == 0


def test_those_to_confirm_are_listed_by_the_day_that_was_approved_page_by_page(database: Database) -> None:
    ids = []
    for approved in (slot(date(2026, 3, 5)), slot(start="14:00", end="16:00"), slot()):
        first, review_id = applied(database)
        approve(database, review_id, slot=approved)
        hear(database, corrected(first, waits=True))
        ids.append(review_id)
    listed, after = [], None
    for _ in ids:
        question = ReviewQuestion(corrected=True, order="visit", limit=1, after=after)
        with database.transaction() as session:
            page = queries.list_reviews(question, by(desk()), session, NOW)
        listed += [one.id for one in page.items]
        after = page.next
    assert (listed, after) == (ids[::-1], None)


def measured(database: Database, at: Any = NOW) -> float:
    with database.transaction() as session:
        corrections.measure(session, at)
    return metrics.CORRECTION_WAITS._value.get()


def limit(database: Database, places: int) -> None:
    with database.transaction() as session:
        request = SetCapacity(capacity=capacity(places))
        set_capacity(request, by(desk()), session, NOW, furthest_days=30)


def waiting_at(
    database: Database, start: str, end: str, companions: tuple[Companion, ...]
) -> tuple[ApplicationSubmitted, UUID]:
    first, review_id = applied(database)
    approve(database, review_id, slot=slot(start=start, end=end))
    hear(database, corrected(first, waits=True, companions=companions))
    return first, review_id
