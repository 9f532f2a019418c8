"""Matches of the watchlist as officers see and settle them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts import rpc
from contracts.errors import Conflict, NotFound
from contracts.identity import mask_aadhaar
from contracts.model import Person
from contracts.rpc.approval.watchlist import MatchId, MatchList, MatchQuestion, MatchView, SettleMatch
from contracts.rpc.call import Call
from services.approval.handlers import watchlist
from services.approval.handlers.authorization import login_of
from services.approval.handlers.watchlist_entries import require_ado, require_watcher, view_of
from services.approval.models.reviews import ReviewRow
from services.approval.models.watchlist import WatchlistEntryRow, WatchlistMatchRow
from services.chassis.db import pages
from services.chassis.db.database import personal_keys_of
from services.chassis.rpc.idempotency import once


def list_matches(request: MatchQuestion, call: Call, session: Session, now: datetime) -> MatchList:
    """Return a page of matches, the newest first.

    Raises:
        Forbidden: as `require_watcher`.
        InvalidInput: ``after`` is not one of our cursors.
    """
    require_watcher(call.principal)
    match = WatchlistMatchRow
    query = select(match, ReviewRow).join(ReviewRow, ReviewRow.id == match.review_id)
    if request.open:
        still = match.entry_id.in_(select(WatchlistEntryRow.id).where(watchlist.ACTIVE))
        query = query.where(match.settled_as.is_(None), still, watchlist.coming(now))
    page, following = pages.read(session, query, match.found_at, match.id, request)
    return MatchList(
        items=tuple(_match_view(session, found, review) for found, review in page), next=following
    )


def view_match(request: MatchId, call: Call, session: Session) -> MatchView:
    """Return one match.

    Raises:
        Forbidden: as `require_watcher`.
        NotFound: there is no such match.
    """
    require_watcher(call.principal)
    row = session.get(WatchlistMatchRow, request.match_id)
    if row is None:
        raise NotFound("there is no such match")
    return _match_view(session, row, session.get_one(ReviewRow, row.review_id))


def settle_match(request: SettleMatch, call: Call, session: Session, now: datetime) -> MatchView:
    """Record whether it is the person of the entry, and why; the approval then needs one officer or two.

    Raises:
        Forbidden: as `require_watcher`, and as `require_ado` where a firm match is dismissed.
        NotFound: there is no such match.
        Conflict: it was settled already.
    """
    require_watcher(call.principal)

    def effect() -> UUID:
        match = WatchlistMatchRow
        review_id = session.scalar(select(match.review_id).where(match.id == request.match_id))
        if review_id is None:
            raise NotFound("there is no such match")
        (review,) = watchlist.locked_reviews(session, ReviewRow.id == review_id)
        row = next(one for one in review.matches if one.id == request.match_id)
        if row.settled_as is not None:
            raise Conflict("this was settled already", code="already_settled")
        if row.kind == "firm" and request.settled_as == "dismissed":
            require_ado(call.principal)
        note = mask_aadhaar(request.note.replace("\x00", "").strip())[0]
        row.settled_as, row.settled_by, row.settled_at = request.settled_as, login_of(call.principal), now
        row.sealed_note = personal_keys_of(session).seal(row.id, {"note": note})
        watchlist.tell_gate(session, review, now)
        return row.id

    def answer(match_id: UUID) -> MatchView:
        return view_match(MatchId(match_id=match_id), call, session)

    route = f"approval.{rpc.approval.watchlist.SETTLE_MATCH.name}"
    return once(session, call, route, request, effect, answer, reference=UUID)


def _match_view(session: Session, row: WatchlistMatchRow, review: ReviewRow) -> MatchView:
    people = watchlist.people_of(review.application)
    person = people[row.person] if row.person < len(people) else people[0]
    note = watchlist.unseal(session, row.id, row.sealed_note).get("note", "")
    return MatchView.from_attributes(
        row,
        entry=view_of(session, row.entry),
        reference=review.reference,
        department=review.department,
        site=review.site,
        status=review.status,
        visit=review.visit,
        name=person.name,
        name_latin=person.name_latin,
        id_last4=person.id_last4,
        mobile=person.mobile if isinstance(person, Person) else None,
        note=str(note),
    )
