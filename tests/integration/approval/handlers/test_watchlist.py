"""Applications that match an entry of the watchlist: in which script, of whom, and until when."""

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, text

from contracts.envelope import PersonalKeyRing
from contracts.model import Companion
from services.approval import metrics
from services.approval.handlers import watchlist, watchlist_entries
from services.approval.models.watchlist import WatchlistEntryRow, WatchlistMatchRow
from tests.integration.approval.handlers.watch import SECOND, advice, approve, matches, settle, stranger, view
from tests.support.factories.approval import (
    NOW,
    TUESDAY,
    active,
    amended,
    confirm,
    deliver,
    erased,
    mobile_changed,
    pending,
    person,
    personal,
    propose,
    review_id_of,
    slot,
    submitted,
)

NAME = "ਗੁਰਪ੍ਰੀਤ ਕੌਰ"


NEW = "+919811122233"


def submit(database):
    """Deliver an application; return its review, and the event."""
    first = submitted()
    deliver(database, first)
    return review_id_of(database, first.application_id), first


def test_an_application_that_matches_is_marked_in_another_script(approval_db) -> None:
    active(approval_db)
    review_id = pending(approval_db)
    assert view(approval_db, review_id).second_officer
    (found,) = matches(approval_db)
    assert (found.kind, found.name, found.entry.name) == ("firm", NAME, "Gurprit Kaur")


def test_a_companion_matches_too_and_one_who_comes_by_an_amendment(approval_db) -> None:
    active(approval_db, name="Harjeet Singh", id_last4="0917")
    assert view(approval_db, pending(approval_db)).second_officer
    alone = submitted(personal=personal(companions=()))
    deliver(approval_db, alone)
    review_id = review_id_of(approval_db, alone.application_id)
    assert not view(approval_db, review_id).second_officer
    deliver(approval_db, amended(alone, personal=personal()), seq=2)
    assert view(approval_db, review_id).second_officer


@pytest.mark.parametrize(
    "changes", [{}, {"id_last4": None, "mobile": "98765 43210"}, {"name": "ਹਰਜੀਤ ਸਿੰਘ", "id_last4": "0917"}]
)
def test_an_entry_that_is_confirmed_later_marks_the_visits_to_come(approval_db, changes) -> None:
    review_id, other = pending(approval_db), pending(approval_db, personal=stranger())
    active(approval_db, **changes)
    assert view(approval_db, review_id).second_officer
    assert not view(approval_db, other).second_officer


def test_who_takes_the_place_of_a_dismissed_companion_is_compared_anew(approval_db) -> None:
    active(approval_db, name="Harjeet Singh", id_last4="0917")
    ravi = Companion(name="Ravi", id_last4="2222")
    event = submitted()
    deliver(approval_db, event)
    review_id = review_id_of(approval_db, event.application_id)
    dismissed = settle(approval_db, matches(approval_db)[0].id, "dismissed")
    deliver(approval_db, amended(event), seq=2)
    assert not view(approval_db, review_id).second_officer, "the same person stays dismissed"
    deliver(approval_db, amended(event, revision=3, personal=personal(companions=(ravi,))), seq=3)
    assert matches(approval_db, open_only=False) == ()
    deliver(approval_db, amended(event, revision=4), seq=4)
    assert view(approval_db, review_id).second_officer
    assert matches(approval_db)[0].id != dismissed.id


def test_a_possible_match_becomes_firm_with_the_id_of_a_new_revision(approval_db) -> None:
    active(approval_db)
    event = submitted(personal=personal(applicant=person(id_last4="1111")))
    deliver(approval_db, event)
    assert [one.kind for one in matches(approval_db)] == ["possible"]
    deliver(approval_db, amended(event, personal=personal()), seq=2)
    assert [one.kind for one in matches(approval_db)] == ["firm"]
    assert view(approval_db, review_id_of(approval_db, event.application_id)).second_officer


@pytest.mark.parametrize("by_amendment", [False, True])
def test_a_change_of_the_number_takes_no_second_officer_away(approval_db, by_amendment) -> None:
    """Also where the newest details, with the new number, arrive before the change does."""
    active(approval_db, id_last4=None, mobile="+919876543210")
    review_id, first = submit(approval_db)
    (found,) = matches(approval_db)
    if by_amendment:
        deliver(approval_db, amended(first, personal=personal(applicant=person(mobile=NEW))), seq=3)
    deliver(approval_db, mobile_changed(first, NEW), seq=2)
    assert [(one.id, one.kind) for one in matches(approval_db)] == [(found.id, "firm")]
    assert approve(approval_db, review_id).status == "pending"
    assert approve(approval_db, review_id, SECOND).status == "approved"
    assert advice(approval_db) == [True]


def test_the_gate_calls_its_supervisor_also_after_a_change_of_the_number(approval_db) -> None:
    active(approval_db, id_last4=None, mobile="+919876543210")
    review_id, first = submit(approval_db)
    approve(approval_db, review_id)
    approve(approval_db, review_id, SECOND)
    deliver(approval_db, mobile_changed(first, NEW), seq=2)
    assert advice(approval_db) == [True]


@pytest.mark.parametrize("verdict", ["confirmed", "dismissed"])
def test_what_an_officer_settled_stays_settled_at_another_number(approval_db, verdict) -> None:
    active(approval_db, id_last4="9999")
    review_id, first = submit(approval_db)
    settled = settle(approval_db, matches(approval_db)[0].id, verdict)
    deliver(approval_db, mobile_changed(first, NEW), seq=2)
    assert matches(approval_db, open_only=False) == (settled.model_copy(update={"mobile": NEW}),)
    assert view(approval_db, review_id).second_officer == (verdict == "confirmed")


@pytest.mark.parametrize(("verdict", "after"), [("confirmed", "confirmed"), ("dismissed", None)])
def test_a_possible_match_becomes_firm_with_the_number_of_the_entry(approval_db, verdict, after) -> None:
    active(approval_db, id_last4=None, mobile=NEW)
    review_id, first = submit(approval_db)
    settle(approval_db, matches(approval_db)[0].id, verdict)
    deliver(approval_db, mobile_changed(first, NEW), seq=2)
    (found,) = matches(approval_db, open_only=False)
    assert (found.kind, found.settled_as) == ("firm", after)
    assert view(approval_db, review_id).second_officer


def test_an_entry_marks_no_visit_of_a_day_that_has_passed(approval_db) -> None:
    passed, coming = pending(approval_db), pending(approval_db)
    approve(approval_db, passed)
    friday = slot(TUESDAY + timedelta(days=3))
    approve(approval_db, coming, slot=friday)
    confirm(approval_db, propose(approval_db, valid_until=friday.day).id, at=NOW + timedelta(days=2))
    assert not view(approval_db, passed).second_officer
    assert view(approval_db, coming).second_officer
    assert len(matches(approval_db, now=NOW + timedelta(days=4))) == 1
    assert matches(approval_db, now=NOW + timedelta(days=5)) == ()


def renew_traits(database):
    last = None
    while True:
        with database.transaction() as session:
            last = watchlist_entries.renew_traits(session, last, NOW)
        if last is None:
            return


def test_an_entry_is_found_again_after_the_secret_of_its_digests_changed(approval_db, monkeypatch) -> None:
    entry = active(approval_db)
    with monkeypatch.context() as rotated:
        rotated.setattr(watchlist, "idempotency_secret_of", lambda _session: b"another secret")
        missed = pending(approval_db)
        assert not matches(approval_db)
        renew_traits(approval_db)
        assert [match.entry.id for match in matches(approval_db)] == [entry.id]
        assert view(approval_db, missed).second_officer
        later = pending(approval_db)
        assert view(approval_db, later).second_officer


def test_traits_that_are_true_are_left_alone_and_an_entry_without_its_key_keeps_its_own(
    approval_db, monkeypatch
) -> None:
    active(approval_db)
    with approval_db.transaction() as session:
        before = session.execute(text("select xmin::text, traits from watchlist_entries")).all()
    renew_traits(approval_db)
    with monkeypatch.context() as lost:
        lost.setattr(
            watchlist, "personal_keys_of", lambda _session: PersonalKeyRing([Fernet.generate_key().decode()])
        )
        lost.setattr(watchlist, "idempotency_secret_of", lambda _session: b"another secret")
        renew_traits(approval_db)
    with approval_db.transaction() as session:
        assert session.execute(text("select xmin::text, traits from watchlist_entries")).all() == before


def test_many_visits_are_marked_in_batches(approval_db, monkeypatch) -> None:
    monkeypatch.setattr(watchlist, "BATCH", 2)
    reviews = [pending(approval_db) for _ in range(5)]
    active(approval_db)
    assert all(view(approval_db, one).second_officer for one in reviews)


def test_an_entry_whose_key_is_gone_informs_and_stops_no_application(approval_db) -> None:
    active(approval_db)
    with approval_db.transaction() as session:
        row = session.scalars(select(WatchlistEntryRow)).one()
        row.sealed = PersonalKeyRing([Fernet.generate_key().decode()]).seal(row.id, {})
    before = metrics.WATCHLIST_UNREADABLE._value.get()
    review_id = pending(approval_db)
    pending(approval_db, personal=stranger())
    assert metrics.WATCHLIST_UNREADABLE._value.get() > before
    assert [(one.kind, one.name, one.entry.name) for one in matches(approval_db)] == [("possible", NAME, "")]
    assert not view(approval_db, review_id).second_officer


def test_a_name_alone_informs_and_asks_for_nobody(approval_db) -> None:
    active(approval_db, id_last4="9999")
    review_id = pending(approval_db)
    assert [one.kind for one in matches(approval_db)] == ["possible"]
    assert approve(approval_db, review_id).status == "approved"
    assert advice(approval_db) == [False]


def test_events_that_arrive_again_mark_once(approval_db) -> None:
    active(approval_db)
    event = submitted()
    for seq in (1, 1, 2):
        deliver(approval_db, event, seq=seq)
    assert len(matches(approval_db)) == 1


def test_erasing_the_people_of_an_application_erases_its_matches(approval_db) -> None:
    active(approval_db)
    event = submitted()
    deliver(approval_db, event)
    deliver(approval_db, erased(event), seq=2)
    with approval_db.transaction() as session:
        assert session.scalars(select(WatchlistMatchRow)).all() == []
