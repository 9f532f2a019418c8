"""The watchlist on real rows: four eyes on an entry, two officers on an approval, what the gate is told."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from contracts.envelope import PersonalKeyRing
from contracts.errors import Conflict, Forbidden
from contracts.events import ApplicationSubmitted, GateAdvised, PassApproved
from contracts.model import Companion
from contracts.rpc.approval import (
    EntryId,
    EntryQuestion,
    Forward,
    MatchQuestion,
    ReviewId,
    SettleMatch,
    Withdraw,
)
from contracts.rpc.call import Principal
from services.approval import metrics
from services.approval.handlers import decisions, queries, watchlist
from services.approval.models import FirstApprovalRow, ReviewRow, WatchlistEntryRow, WatchlistMatchRow
from tests.support.concurrency import run_concurrently
from tests.support.factories.approval import (
    AUDITOR,
    GUARD,
    HANDLERS,
    NOW,
    TUESDAY,
    active,
    amended,
    approval,
    by,
    confirm,
    deliver,
    desk,
    erased,
    everything,
    invited,
    mobile_changed,
    pending,
    person,
    personal,
    propose,
    published,
    received,
    review_id_of,
    slot,
    submitted,
    watcher,
)
from tests.support.running import eventually

FIRST, SECOND = desk(), desk(login="HOM-0002")
NAME = "ਗੁਰਪ੍ਰੀਤ ਕੌਰ"
NEW = "+919811122233"


AT_GATE = watcher("SEC-0002", "security").model_copy(update={"site": "T1", "gate": "T1-G1"})


def end(database, entry_id, principal=None):
    with database.transaction() as session:
        return watchlist.end_entry(EntryId(entry_id=entry_id), by(principal or watcher()), session, NOW)


def matches(database, open_only=True, now=NOW):
    with database.transaction() as session:
        return watchlist.list_matches(MatchQuestion(open=open_only), by(GUARD), session, now).items


def settle(database, match_id, verdict, principal=None):
    request = SettleMatch(match_id=match_id, settled_as=verdict, note="Looked at the ID card")
    with database.transaction() as session:
        return watchlist.settle_match(request, by(principal or watcher()), session, NOW)


def view(database, review_id):
    with database.transaction() as session:
        return queries.view_review(ReviewId(review_id=review_id), by(FIRST), session, NOW)


def approve(database, review_id, principal=FIRST, **terms):
    with database.transaction() as session:
        return decisions.approve(approval(review_id, **terms), by(principal), session, NOW, furthest_days=30)


def submit(database):
    """Deliver an application; return its review, and the event."""
    first = submitted()
    deliver(database, first)
    return review_id_of(database, first.application_id), first


def advice(database):
    return [event.personal.call_supervisor for event in published(database, GateAdvised)]


# ----------------------------------------------------------------- entries


def test_an_entry_holds_once_a_second_officer_has_confirmed_it(approval_db) -> None:
    proposed = propose(approval_db)
    assert (proposed.state, proposed.proposed_by) == ("proposed", "ADO-0001")
    assert not view(approval_db, pending(approval_db)).second_officer
    confirmed = confirm(approval_db, proposed.id)
    assert (confirmed.state, confirmed.proposed_by, confirmed.confirmed_by) == (
        "active",
        "ADO-0001",
        "SEC-0001",
    )
    assert view(approval_db, pending(approval_db)).second_officer


def test_the_officer_who_proposed_it_cannot_confirm_it(approval_db) -> None:
    proposed = propose(approval_db)
    with pytest.raises(Conflict) as refused:
        confirm(approval_db, proposed.id, watcher())
    assert refused.value.body.code == "same_officer"
    with pytest.raises(IntegrityError), approval_db.transaction() as session:
        session.execute(update(WatchlistEntryRow).values(confirmed_by=WatchlistEntryRow.proposed_by))


def test_of_two_confirmations_at_once_one_counts(approval_db) -> None:
    entry_id = propose(approval_db).id

    def attempt(login):
        try:
            return confirm(approval_db, entry_id, watcher(login)).confirmed_by
        except Conflict as error:
            return error.body.code

    outcomes = run_concurrently(lambda: attempt("ADO-0002"), lambda: attempt("ADO-0003"))
    assert max(outcomes) == "not_proposed"
    assert min(outcomes) in {"ADO-0002", "ADO-0003"}


def test_a_repeat_of_a_proposal_makes_one_entry(approval_db) -> None:
    assert propose(approval_db, key="k").id == propose(approval_db, key="k").id


def test_the_list_pages_by_state_and_counts(approval_db) -> None:
    first, second = propose(approval_db).id, propose(approval_db).id
    confirm(approval_db, first)
    end(approval_db, propose(approval_db).id)
    with approval_db.transaction() as session:
        page = watchlist.list_entries(EntryQuestion(limit=1), by(GUARD), session)
        assert page.counts == {"proposed": 1, "active": 1, "ended": 1}
        assert page.next is not None
        rest = watchlist.list_entries(EntryQuestion(after=page.next), by(GUARD), session)
        assert len({one.id for one in (*page.items, *rest.items)}) == 3
        proposed = watchlist.list_entries(EntryQuestion(state="proposed"), by(GUARD), session)
        assert [one.id for one in proposed.items] == [second]


@pytest.mark.parametrize(
    "principal", [desk(), AUDITOR, AT_GATE, watcher("RCP-0001", "reception"), Principal()]
)
def test_nobody_else_sees_or_changes_the_watchlist(approval_db, principal) -> None:
    entry_id = propose(approval_db).id
    for attempt in (
        lambda: propose(approval_db, principal),
        lambda: confirm(approval_db, entry_id, principal),
        lambda: end(approval_db, entry_id, principal),
    ):
        with pytest.raises(Forbidden):
            attempt()
    with approval_db.transaction() as session:
        for ask in (
            lambda: watchlist.list_entries(EntryQuestion(), by(principal), session),
            lambda: watchlist.list_matches(MatchQuestion(), by(principal), session, NOW),
        ):
            with pytest.raises(Forbidden):
                ask()


def test_only_the_ado_branch_lifts_what_two_officers_have_decided(approval_db) -> None:
    entry = active(approval_db)
    pending(approval_db)
    (found,) = matches(approval_db)
    for lift in (
        lambda: end(approval_db, entry.id, GUARD),
        lambda: settle(approval_db, found.id, "dismissed", GUARD),
    ):
        with pytest.raises(Forbidden) as refused:
            lift()
        assert refused.value.body.code == "ado_only"
    assert settle(approval_db, found.id, "dismissed").settled_by == "ADO-0001"
    assert end(approval_db, entry.id).ended_by == "ADO-0001"
    assert end(approval_db, propose(approval_db).id, GUARD).ended_by == "SEC-0001", "a proposal is declined"


def test_security_confirms_a_firm_match_and_dismisses_a_possible_one(approval_db) -> None:
    active(approval_db)
    pending(approval_db)
    assert settle(approval_db, matches(approval_db)[0].id, "confirmed", GUARD).settled_by == "SEC-0001"
    pending(approval_db, personal=personal(applicant=person(id_last4="1111")))
    assert settle(approval_db, matches(approval_db)[0].id, "dismissed", GUARD).settled_by == "SEC-0001"


def test_nothing_of_an_entry_can_be_read_in_its_row(approval_db) -> None:
    active(approval_db, mobile="98765 43210")
    with approval_db.transaction() as session:
        row = str(session.execute(text("select to_jsonb(e) from watchlist_entries e")).scalar_one())
    for secret in ("urprit", "grprt", "4821", "9876543210", "Threatened"):
        assert secret not in row


def test_an_entry_ends_after_its_last_day_and_is_emptied_after_ninety_more(approval_db) -> None:
    active(approval_db)
    review_id = pending(approval_db)
    assert end_expired(approval_db, NOW + timedelta(days=1)) == 0
    assert end_expired(approval_db, NOW + timedelta(days=2)) == 1
    assert not view(approval_db, review_id).second_officer
    assert end_expired(approval_db, NOW + timedelta(days=91)) == 0
    assert end_expired(approval_db, NOW + timedelta(days=93)) == 1
    with approval_db.transaction() as session:
        row = session.scalars(select(WatchlistEntryRow)).one()
        assert (row.sealed, row.traits) == (None, [])
        entry = watchlist.list_entries(EntryQuestion(), by(GUARD), session).items[0]
        assert (entry.name, entry.ended_by) == ("", None)


def end_expired(database, now):
    """Run the scheduled job; return how many transactions found an entry."""
    ended = 0
    while True:
        with database.transaction() as session:
            if not watchlist.end_expired(session, now):
                return ended
        ended += 1


def test_entries_that_expired_end_in_a_transaction_each(approval_db) -> None:
    active(approval_db)
    propose(approval_db)
    later = NOW + timedelta(days=2)
    with approval_db.transaction() as session:
        watchlist.end_expired(session, later)
    with approval_db.transaction() as session:
        assert watchlist.list_entries(EntryQuestion(), by(GUARD), session).counts["ended"] == 1
    assert end_expired(approval_db, later) == 1


# ----------------------------------------------------------------- matches


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
    "changes",
    [
        {},
        {"id_last4": None, "mobile": "98765 43210"},
        {"name": "ਹਰਜੀਤ ਸਿੰਘ", "id_last4": "0917"},
    ],
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
            last = watchlist.renew_traits(session, last, NOW)
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


def stranger():
    someone = person(name="Baldev", name_latin="Baldev", id_last4="1111", mobile="+919876500000")
    return personal(applicant=someone, companions=(Companion(name="Ravi", id_last4="2222"),))


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


# --------------------------------------------------------------- approvals


def test_a_watched_visit_is_approved_by_two_different_officers(approval_db) -> None:
    active(approval_db)
    review_id = pending(approval_db)
    waiting = approve(approval_db, review_id)
    assert (waiting.status, waiting.first_approval.approved_by) == ("pending", "HOM-0001")
    assert published(approval_db, PassApproved) == []
    with pytest.raises(Conflict) as refused:
        approve(approval_db, review_id)
    assert refused.value.body.code == "second_officer"
    approved = approve(approval_db, review_id, SECOND)
    assert (approved.status, approved.decision.decided_by) == ("approved", "HOM-0002")
    assert approved.first_approval.approved_by == "HOM-0001"
    assert len(published(approval_db, PassApproved)) == 1


@pytest.mark.parametrize(
    "other",
    [{"slot": slot(start="11:00")}, {"gate": "T1-G2"}, {"entries": 2}, {"vehicle_allowed": True}],
)
def test_the_second_officer_approves_the_terms_of_the_first(approval_db, other) -> None:
    active(approval_db)
    review_id = pending(approval_db)
    approve(approval_db, review_id)
    assert approve(approval_db, review_id, SECOND, **other).status == "pending"
    first = view(approval_db, review_id).first_approval
    assert first.approved_by == "HOM-0002"
    assert {name: getattr(first, name) for name in other} == other
    assert approve(approval_db, review_id, FIRST, **other).status == "approved"


def test_two_officers_approve_the_same_days_and_the_first_gives_the_reason(approval_db) -> None:
    active(approval_db)
    review_id = pending(approval_db)
    thursday, friday = TUESDAY + timedelta(days=2), TUESDAY + timedelta(days=3)
    approve(approval_db, review_id)
    several = {"last_day": friday, "days_reason": "a hearing"}
    assert approve(approval_db, review_id, SECOND, **several).status == "pending"
    first = view(approval_db, review_id).first_approval
    assert (first.approved_by, first.further_days) == ("HOM-0002", (thursday, friday))
    assert first.days_reason == "a hearing"
    decision = approve(approval_db, review_id, FIRST, last_day=friday).decision
    assert (decision.further_days, decision.days_reason) == ((thursday, friday), "a hearing")


def test_an_erasure_takes_the_reason_of_a_first_approval(approval_db) -> None:
    active(approval_db)
    event, friday = submitted(), TUESDAY + timedelta(days=3)
    deliver(approval_db, event)
    review_id = review_id_of(approval_db, event.application_id)
    approve(approval_db, review_id, last_day=friday, days_reason="a hearing on three days")
    deliver(approval_db, erased(event), seq=2)
    assert "a hearing" not in str(everything(approval_db))


def test_an_entry_marks_a_visit_until_its_last_day(approval_db) -> None:
    review_id, friday = pending(approval_db), TUESDAY + timedelta(days=3)
    approve(approval_db, review_id, last_day=friday, days_reason="a hearing")
    confirm(approval_db, propose(approval_db, valid_until=friday).id, at=NOW + timedelta(days=3))
    assert view(approval_db, review_id).second_officer
    assert len(matches(approval_db, now=NOW + timedelta(days=4))) == 1
    assert matches(approval_db, now=NOW + timedelta(days=5)) == ()


def test_a_first_approval_ends_when_another_department_gets_the_review(approval_db) -> None:
    active(approval_db)
    review_id = pending(approval_db)
    approve(approval_db, review_id)

    def forward(by_whom, **to):
        with approval_db.transaction() as session:
            decisions.forward(Forward(review_id=review_id, **to), by(by_whom), session, NOW)

    forward(FIRST, officer="home-secretary")
    assert view(approval_db, review_id).first_approval is not None
    forward(FIRST, department="finance")
    forward(desk("finance", "FIN-0001"), department="home")
    assert view(approval_db, review_id).first_approval is None
    assert approve(approval_db, review_id, SECOND).status == "pending"


def test_two_officers_who_approve_at_once_are_the_two_that_are_needed(approval_db) -> None:
    active(approval_db)
    review_id = pending(approval_db)
    outcomes = run_concurrently(
        lambda: approve(approval_db, review_id).status, lambda: approve(approval_db, review_id, SECOND).status
    )
    assert sorted(outcomes) == ["approved", "pending"]
    assert len(published(approval_db, PassApproved)) == 1


def test_one_officer_who_approves_many_times_at_once_is_one(approval_db) -> None:
    active(approval_db)
    review_id = pending(approval_db)

    def attempt():
        try:
            return approve(approval_db, review_id).status
        except Conflict as error:
            return error.body.code

    outcomes = run_concurrently(*[attempt] * 4)
    assert sorted(outcomes) == ["pending", "second_officer", "second_officer", "second_officer"]
    assert published(approval_db, PassApproved) == []


def test_a_match_that_appears_between_opening_and_approving_holds_the_approval(approval_db) -> None:
    review_id = pending(approval_db)
    opened = view(approval_db, review_id)
    assert not opened.second_officer
    active(approval_db)
    with approval_db.transaction() as session:
        session.execute(text("delete from watchlist_matches"))  # as if it had not been marked yet
    assert approve(approval_db, review_id).status == "pending"
    assert approve(approval_db, review_id, SECOND).status == "approved"


def test_an_entry_that_is_confirmed_while_a_visit_is_approved_holds_it_or_tells_the_gate(approval_db) -> None:
    for _ in range(8):
        review_id = pending(approval_db)
        entry_id = propose(approval_db).id
        run_concurrently(
            lambda review_id=review_id: approve(approval_db, review_id),
            lambda entry_id=entry_id: confirm(approval_db, entry_id),
        )
        with approval_db.transaction() as session:
            row = session.get_one(ReviewRow, review_id)
            assert row.is_watched
            assert row.status == "pending" or row.gate_told
        end(approval_db, entry_id)


def test_an_invitation_that_arrives_while_an_entry_is_confirmed_does_not_slip_past(approval_db) -> None:
    entry_id, event = propose(approval_db).id, invited()
    waiting = "select count(*) from pg_locks where not granted and locktype = 'advisory'"
    with ThreadPoolExecutor(1) as pool:
        with approval_db.transaction() as session:
            HANDLERS[ApplicationSubmitted](received(event), session)
            confirming = pool.submit(confirm, approval_db, entry_id)

            def has_met() -> bool:
                with approval_db.transaction() as other:
                    return confirming.done() or other.execute(text(waiting)).scalar_one() > 0

            eventually(has_met, "the confirmation waits, or is over")
        assert confirming.result().state == "active"
    with approval_db.transaction() as session:
        row = session.scalars(select(ReviewRow)).one()
        assert (row.status, row.is_watched, row.gate_told) == ("approved", True, True)


def test_a_new_revision_needs_two_approvals_again(approval_db) -> None:
    active(approval_db)
    event = submitted()
    deliver(approval_db, event)
    review_id = review_id_of(approval_db, event.application_id)
    approve(approval_db, review_id)
    deliver(approval_db, amended(event), seq=2)
    assert view(approval_db, review_id).first_approval is None
    with approval_db.transaction() as session:
        assert session.scalars(select(FirstApprovalRow)).all() == []
    assert approve(approval_db, review_id, SECOND).status == "pending"


def test_a_dismissed_match_needs_one_officer_and_a_confirmed_one_two(approval_db) -> None:
    active(approval_db)
    dismissed, confirmed = pending(approval_db), pending(approval_db)
    by_reference = {one.reference: one.id for one in matches(approval_db)}
    settled = settle(approval_db, by_reference[view(approval_db, dismissed).reference], "dismissed")
    assert (settled.settled_as, settled.settled_by, settled.note) == (
        "dismissed",
        "ADO-0001",
        "Looked at the ID card",
    )
    settle(approval_db, by_reference[view(approval_db, confirmed).reference], "confirmed")
    assert approve(approval_db, dismissed).status == "approved"
    assert approve(approval_db, confirmed).status == "pending"
    assert matches(approval_db) == ()
    with pytest.raises(Conflict) as refused:
        settle(approval_db, settled.id, "confirmed")
    assert refused.value.body.code == "already_settled"


def test_a_possible_match_that_is_confirmed_needs_two_officers(approval_db) -> None:
    active(approval_db, id_last4="9999")
    review_id = pending(approval_db)
    settle(approval_db, matches(approval_db)[0].id, "confirmed")
    assert approve(approval_db, review_id).status == "pending"


# ---------------------------------------------------------------- the gate


def test_the_gate_is_told_when_a_watched_visit_is_approved_and_when_the_match_is_dismissed(
    approval_db,
) -> None:
    active(approval_db)
    review_id = pending(approval_db)
    approve(approval_db, review_id)
    assert advice(approval_db) == []
    approve(approval_db, review_id, SECOND)
    assert advice(approval_db) == [True]
    settle(approval_db, matches(approval_db)[0].id, "dismissed")
    assert advice(approval_db) == [True, False]


def test_the_gate_is_told_about_a_visit_that_was_approved_before_the_entry(approval_db) -> None:
    review_id = pending(approval_db)
    approve(approval_db, review_id)
    assert advice(approval_db) == [False]
    entry = active(approval_db)
    assert advice(approval_db) == [False, True]
    end(approval_db, entry.id)
    assert advice(approval_db) == [False, True, False]
    with approval_db.transaction() as session:
        decisions.withdraw(Withdraw(review_id=review_id, reason="other"), by(FIRST), session, NOW)
    assert view(approval_db, review_id).status == "withdrawn"


def test_what_is_published_of_an_approval_does_not_betray_a_match(approval_db) -> None:
    active(approval_db)
    unwatched, watched = pending(approval_db, personal=stranger()), pending(approval_db)
    approve(approval_db, unwatched)
    approve(approval_db, watched)
    approve(approval_db, watched, SECOND)
    assert advice(approval_db) == [False, True]
    with approval_db.transaction() as session:
        rows = session.execute(text("select subject, type from outbox order by position")).all()
    kinds = [[kind for subject, kind in rows if subject == one] for one in {subject for subject, _ in rows}]
    assert kinds == [["PassApproved", "GateAdvised"]] * 2


def test_nothing_of_the_watchlist_is_in_clear_in_an_event(approval_db) -> None:
    active(approval_db)
    review_id = pending(approval_db)
    approve(approval_db, review_id)
    approve(approval_db, review_id, SECOND)
    with approval_db.transaction() as session:
        events = session.execute(text("select type, data from outbox order by position")).all()
    assert [kind for kind, _ in events] == ["PassApproved", "GateAdvised"]
    clear = str([data for _, data in events])
    for word in ("watch", "supervisor", "HOM-0001", "Threatened", "4821", "first"):
        assert word not in clear


def test_an_invitation_of_somebody_on_the_list_needs_another_officer_than_the_one_who_invited(
    approval_db,
) -> None:
    active(approval_db)
    first = invited()
    deliver(approval_db, first)
    assert published(approval_db, PassApproved) == []
    review_id = review_id_of(approval_db, first.application_id)
    with pytest.raises(Conflict) as refused:
        approve(approval_db, review_id, SECOND)
    assert refused.value.body.code == "second_officer"
    approve(approval_db, review_id, FIRST)
    assert len(published(approval_db, PassApproved)) == 1
