"""Enter somebody into the watchlist, and see what matches."""

from contracts.events import GateAdvised
from contracts.model import Companion
from contracts.rpc.approval.reviews import ReviewId
from contracts.rpc.approval.watchlist import EntryId, MatchQuestion, SettleMatch
from services.approval.handlers import decisions, queries, watchlist_entries, watchlist_matches
from tests.support.factories.approval import (
    GUARD,
    NOW,
    approval,
    by,
    desk,
    person,
    personal,
    published,
    watcher,
)

FIRST, SECOND = desk(), desk(login="HOM-0002")


def end(database, entry_id, principal=None):
    with database.transaction() as session:
        return watchlist_entries.end_entry(
            EntryId(entry_id=entry_id), by(principal or watcher()), session, NOW
        )


def matches(database, open_only=True, now=NOW):
    with database.transaction() as session:
        return watchlist_matches.list_matches(MatchQuestion(open=open_only), by(GUARD), session, now).items


def settle(database, match_id, verdict, principal=None):
    request = SettleMatch(match_id=match_id, settled_as=verdict, note="Looked at the ID card")
    with database.transaction() as session:
        return watchlist_matches.settle_match(request, by(principal or watcher()), session, NOW)


def view(database, review_id):
    with database.transaction() as session:
        return queries.view_review(ReviewId(review_id=review_id), by(FIRST), session, NOW)


def approve(database, review_id, principal=FIRST, **terms):
    with database.transaction() as session:
        return decisions.approve(approval(review_id, **terms), by(principal), session, NOW, furthest_days=30)


def advice(database):
    return [event.personal.call_supervisor for event in published(database, GateAdvised)]


def stranger():
    someone = person(name="Baldev", name_latin="Baldev", id_last4="1111", mobile="+919876500000")
    return personal(applicant=someone, companions=(Companion(name="Ravi", id_last4="2222"),))
