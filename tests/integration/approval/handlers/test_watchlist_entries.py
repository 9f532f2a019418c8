"""The watchlist on real rows: four eyes on an entry, two officers on an approval, what the gate is told."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from contracts.errors import Conflict, Forbidden
from contracts.rpc.approval.watchlist import EntryQuestion, MatchQuestion
from contracts.rpc.call import Principal
from services.approval.handlers import watchlist_entries, watchlist_matches
from services.approval.models.watchlist import WatchlistEntryRow
from tests.integration.approval.handlers.watch import end, matches, settle, view
from tests.support.factories.approval import (
    AUDITOR,
    GUARD,
    NOW,
    active,
    by,
    confirm,
    desk,
    pending,
    person,
    personal,
    propose,
    watcher,
)
from tests.support.stack.concurrency import run_concurrently

AT_GATE = watcher("SEC-0002", "security").model_copy(update={"site": "T1", "gate": "T1-G1"})


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
        page = watchlist_entries.list_entries(EntryQuestion(limit=1), by(GUARD), session)
        assert page.counts == {"proposed": 1, "active": 1, "ended": 1}
        assert page.next is not None
        rest = watchlist_entries.list_entries(EntryQuestion(after=page.next), by(GUARD), session)
        assert len({one.id for one in (*page.items, *rest.items)}) == 3
        proposed = watchlist_entries.list_entries(EntryQuestion(state="proposed"), by(GUARD), session)
        assert [one.id for one in proposed.items] == [second]


def test_nobody_else_sees_or_changes_the_watchlist(approval_db) -> None:
    entry_id = propose(approval_db).id
    for principal in (desk(), AUDITOR, AT_GATE, watcher("RCP-0001", "reception"), Principal()):
        for attempt in (
            lambda who: propose(approval_db, who),
            lambda who: confirm(approval_db, entry_id, who),
            lambda who: end(approval_db, entry_id, who),
        ):
            with pytest.raises(Forbidden):
                attempt(principal)
        with approval_db.transaction() as session:
            with pytest.raises(Forbidden):
                watchlist_entries.list_entries(EntryQuestion(), by(principal), session)
            with pytest.raises(Forbidden):
                watchlist_matches.list_matches(MatchQuestion(), by(principal), session, NOW)


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
        entry = watchlist_entries.list_entries(EntryQuestion(), by(GUARD), session).items[0]
        assert (entry.name, entry.ended_by) == ("", None)


def end_expired(database, now):
    """Run the scheduled job; return how many transactions found an entry."""
    ended = 0
    while True:
        with database.transaction() as session:
            if not watchlist_entries.end_expired(session, now, 90):
                return ended
        ended += 1


def test_entries_that_expired_end_in_a_transaction_each(approval_db) -> None:
    active(approval_db)
    propose(approval_db)
    later = NOW + timedelta(days=2)
    with approval_db.transaction() as session:
        watchlist_entries.end_expired(session, later, 90)
    with approval_db.transaction() as session:
        assert watchlist_entries.list_entries(EntryQuestion(), by(GUARD), session).counts["ended"] == 1
    assert end_expired(approval_db, later) == 1
