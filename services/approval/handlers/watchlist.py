"""The watchlist: entries that two officers make, their matches with applications, what the gate is told.

An application that arrives shares a lock with others (`await_confirmations`), which a confirmation holds
alone: whichever of the two comes second sees the first. The people of an application are compared again when
it is approved, under the lock of its review; a confirmation locks each review that it marks.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID, uuid4

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import ColumnElement, all_, case, exists, func, literal, literal_column, select, tuple_
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.orm import Session

from contracts import rpc
from contracts.envelope import UnreadableEvent
from contracts.errors import Conflict, Forbidden, NotFound
from contracts.events import ApplicationDetails, GateAdvice, GateAdvised
from contracts.identity import mask_aadhaar
from contracts.model import IST, Companion, EntryState, Person, ReviewStatus, Wire
from contracts.rpc.approval import (
    EntryId,
    EntryList,
    EntryQuestion,
    EntryView,
    MatchId,
    MatchList,
    MatchQuestion,
    MatchView,
    ProposeEntry,
    SettleMatch,
)
from contracts.rpc.call import Call, Principal
from services.approval import metrics
from services.approval.domain import reviews, watchlist
from services.approval.handlers import reference_data
from services.approval.handlers.authorization import login_of
from services.approval.handlers.reference_data import ReferenceData
from services.approval.models import MOBILE, DecisionRow, ReviewRow, WatchlistEntryRow, WatchlistMatchRow
from services.chassis.db import cursors, locks
from services.chassis.db.database import Database, idempotency_secret_of, personal_keys_of
from services.chassis.db.destructive_jobs import Portion
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once

BATCH = 200
CONFIRMING = "watchlist: confirming an entry"
"""Name of the lock of `await_confirmations`."""
_ENTRY = TypeAdapter(watchlist.Entry)
_UNKNOWN = watchlist.Entry("", None, None, "")
"""Content of an entry that was emptied, or whose key is gone."""
COMING: tuple[ReviewStatus, ...] = (*reviews.UNDECIDED, "approved")
"""Reviews whose visit may still take place, if its day has not passed."""
_STATES: dict[EntryState, ColumnElement[bool]] = {
    "proposed": WatchlistEntryRow.confirmed_at.is_(None) & WatchlistEntryRow.ended_at.is_(None),
    "active": WatchlistEntryRow.confirmed_at.is_not(None) & WatchlistEntryRow.ended_at.is_(None),
    "ended": WatchlistEntryRow.ended_at.is_not(None),
}


# ----------------------------------------------------------------- entries


def list_entries(request: EntryQuestion, call: Call, session: Session) -> EntryList:
    """Return a page of the entries of a state, the newest first, and how many there are of each.

    Raises:
        Forbidden: as `_require_watcher`.
        InvalidInput: ``after`` is not one of our cursors.
    """
    _require_watcher(call.principal)
    entry = WatchlistEntryRow
    query = select(entry).order_by(entry.proposed_at.desc(), entry.id.desc()).limit(request.limit + 1)
    if request.state is not None:
        query = query.where(_STATES[request.state])
    if request.after is not None:
        query = query.where(
            tuple_(entry.proposed_at, entry.id) < tuple_(*cursors.decode(request.after, UUID))
        )
    rows = session.scalars(query).all()
    page = rows[: request.limit]
    counts = {
        state: session.scalar(select(func.count()).where(which)) or 0 for state, which in _STATES.items()
    }
    return EntryList(
        items=tuple(_view(session, row) for row in page),
        next=cursors.encode(page[-1].proposed_at, page[-1].id) if len(rows) > len(page) else None,
        counts=counts,
    )


def view_entry(request: EntryId, call: Call, session: Session) -> EntryView:
    """Return one entry.

    Raises:
        Forbidden, NotFound: as `_entry`.
    """
    return _view(session, _entry(session, call.principal, request.entry_id))


def propose_entry(request: ProposeEntry, call: Call, session: Session, now: datetime) -> EntryView:
    """Propose an entry; it holds once another officer has confirmed it.

    Raises:
        Forbidden: as `_require_watcher`.
        InvalidInput: as `watchlist.entry_of`.
    """
    _require_watcher(call.principal)

    def effect() -> UUID:
        entry = watchlist.entry_of(
            request.name,
            request.id_last4,
            request.mobile,
            request.reason,
            request.valid_until,
            now.astimezone(IST).date(),
        )
        entry_id = uuid4()
        row = WatchlistEntryRow(
            id=entry_id,
            sealed=personal_keys_of(session).seal(entry_id, asdict(entry)),
            traits=_traits(session, entry),
            valid_until=request.valid_until,
            proposed_by=login_of(call.principal),
            proposed_at=now,
        )
        session.add(row)
        session.flush()
        return entry_id

    return _command(session, call, rpc.approval.PROPOSE_ENTRY.name, request, effect)


def confirm_entry(request: EntryId, call: Call, session: Session, now: datetime) -> EntryView:
    """Confirm an entry of another officer, and mark the visits to come that match it.

    Raises:
        Forbidden, NotFound: as `_entry`.
        Conflict: as `watchlist.require_confirmable`.
    """

    def effect() -> UUID:
        locks.lock(session, CONFIRMING)
        row, by = _entry(session, call.principal, request.entry_id, lock=True), login_of(call.principal)
        watchlist.require_confirmable(row.stage, by)
        row.confirmed_by, row.confirmed_at = by, now
        session.flush()
        _mark_coming(session, row, now)
        return row.id

    return _command(session, call, rpc.approval.CONFIRM_ENTRY.name, request, effect)


def end_entry(request: EntryId, call: Call, session: Session, now: datetime) -> EntryView:
    """End an entry, or decline a proposed one. Its matches ask for no second officer any more.

    Raises:
        Forbidden, NotFound: as `_entry`; Forbidden too as `_require_ado` where the entry is active.
        Conflict: it has ended already.
    """

    def effect() -> UUID:
        row = _entry(session, call.principal, request.entry_id, lock=True)
        if row.ended_at is not None:
            raise Conflict("the entry has ended already", code="entry_ended")
        if row.confirmed_at is not None:
            _require_ado(call.principal)
        _end(session, row, login_of(call.principal), now)
        return row.id

    return _command(session, call, rpc.approval.END_ENTRY.name, request, effect)


def expired(now: datetime) -> Portion:
    """Return the entries whose last day has passed, and those to be emptied, of all that are not empty."""
    entry = WatchlistEntryRow
    over = entry.ended_at.is_(None) & (entry.valid_until < now.astimezone(IST).date())
    is_there = entry.ended_at.is_(None) | entry.sealed.is_not(None)
    return Portion(entry, is_there, over | (entry.ended_at < now - watchlist.KEPT))


def end_expired(session: Session, now: datetime) -> bool:
    """End an entry whose last day has passed, or empty one that ended long ago; return whether one was."""
    entry = WatchlistEntryRow
    row = session.scalars(
        select(entry)
        .where(expired(now).taken)
        .order_by(entry.id)
        .limit(1)
        .with_for_update(key_share=True, skip_locked=True)
    ).one_or_none()
    if row is None:
        return False
    if row.ended_at is None:
        _end(session, row, None, now)
    else:
        row.sealed, row.traits = None, []
    return True


def renew_all_traits(db: Database, now: datetime) -> None:
    """Let entries be found whose traits another secret or another version made, one batch at a time."""
    last = None
    while True:
        with db.transaction() as session:
            last = renew_traits(session, last, now)
        if last is None:
            return


def renew_traits(session: Session, after: UUID | None, now: datetime) -> UUID | None:
    """Make the traits of up to BATCH entries by today's secret and rules, and mark the visits that match.

    Traits that another secret or another version's rules made find nobody. An entry that no key opens keeps
    its own.

    Returns:
        The last entry that was looked at, which is where to go on; None after the last of all.
    """
    locks.lock(session, CONFIRMING)
    entry = WatchlistEntryRow
    query = select(entry).where(entry.ended_at.is_(None)).order_by(entry.id).limit(BATCH)
    rows = session.scalars(query.where(entry.id > after) if after else query).all()
    renewed = []
    for row in rows:
        content = _open(session, row)
        traits = row.traits if content is _UNKNOWN else _traits(session, content)
        if row.traits == traits:
            continue
        row.traits = traits
        renewed.append(row)
    session.flush()
    for row in renewed:
        if row.confirmed_at is not None:
            _mark_coming(session, row, now)
    return rows[-1].id if rows else None


def _end(session: Session, row: WatchlistEntryRow, by: str | None, now: datetime) -> None:
    row.ended_by, row.ended_at = by, now
    session.flush()
    matched = select(WatchlistMatchRow.review_id).where(WatchlistMatchRow.entry_id == row.id)
    for review in _locked(session, ReviewRow.id.in_(matched) & _coming(now)):
        tell_gate(session, review, now)


# ----------------------------------------------------------------- matches


def list_matches(request: MatchQuestion, call: Call, session: Session, now: datetime) -> MatchList:
    """Return a page of matches, the newest first.

    Raises:
        Forbidden: as `_require_watcher`.
        InvalidInput: ``after`` is not one of our cursors.
    """
    _require_watcher(call.principal)
    match = WatchlistMatchRow
    query = (
        select(match, ReviewRow)
        .join(ReviewRow, ReviewRow.id == match.review_id)
        .order_by(match.found_at.desc(), match.id.desc())
        .limit(request.limit + 1)
    )
    if request.open:
        still = match.entry_id.in_(select(WatchlistEntryRow.id).where(_STATES["active"]))
        query = query.where(match.settled_as.is_(None), still, _coming(now))
    if request.after is not None:
        query = query.where(tuple_(match.found_at, match.id) < tuple_(*cursors.decode(request.after, UUID)))
    rows = session.execute(query).all()
    page = rows[: request.limit]
    return MatchList(
        items=tuple(_match_view(session, found, review) for found, review in page),
        next=cursors.encode(page[-1][0].found_at, page[-1][0].id) if len(rows) > len(page) else None,
    )


def view_match(request: MatchId, call: Call, session: Session) -> MatchView:
    """Return one match.

    Raises:
        Forbidden: as `_require_watcher`.
        NotFound: there is no such match.
    """
    _require_watcher(call.principal)
    row = session.get(WatchlistMatchRow, request.match_id)
    if row is None:
        raise NotFound("there is no such match")
    return _match_view(session, row, session.get_one(ReviewRow, row.review_id))


def settle_match(request: SettleMatch, call: Call, session: Session, now: datetime) -> MatchView:
    """Record whether it is the person of the entry, and why; the approval then needs one officer or two.

    Raises:
        Forbidden: as `_require_watcher`, and as `_require_ado` where a firm match is dismissed.
        NotFound: there is no such match.
        Conflict: it was settled already.
    """
    _require_watcher(call.principal)

    def effect() -> UUID:
        match = WatchlistMatchRow
        review_id = session.scalar(select(match.review_id).where(match.id == request.match_id))
        if review_id is None:
            raise NotFound("there is no such match")
        (review,) = _locked(session, ReviewRow.id == review_id)
        row = next(one for one in review.matches if one.id == request.match_id)
        if row.settled_as is not None:
            raise Conflict("this was settled already", code="already_settled")
        if row.kind == "firm" and request.settled_as == "dismissed":
            _require_ado(call.principal)
        note = mask_aadhaar(request.note.replace("\x00", "").strip())[0]
        row.settled_as, row.settled_by, row.settled_at = request.settled_as, login_of(call.principal), now
        row.sealed_note = personal_keys_of(session).seal(row.id, {"note": note})
        tell_gate(session, review, now)
        return row.id

    def answer(match_id: UUID) -> MatchView:
        return view_match(MatchId(match_id=match_id), call, session)

    route = f"approval.{rpc.approval.SETTLE_MATCH.name}"
    return once(session, call, route, request, effect, answer, reference=UUID)


def await_confirmations(session: Session) -> None:
    """Wait for the entries that are confirmed now, and have later ones wait until the transaction ends.

    Call it before any row is locked: a confirmation locks reviews after it has taken this lock. One call is
    enough for the events of a batch.
    """
    if session.info.get(CONFIRMING, "none") is not session.get_transaction():
        locks.lock_shared(session, CONFIRMING)
        session.info[CONFIRMING] = session.get_transaction()


def may_match(session: Session, application: ApplicationDetails, data: ReferenceData) -> bool:
    """Return whether an active entry has a trait of somebody; ``data`` as in `mark`."""
    traits = _digests(session, watchlist.traits_of(_people(application)))
    return data.watched is None or not data.watched.isdisjoint(traits)


def keep_matches(session: Session, review: ReviewRow, before: ApplicationDetails) -> None:
    """Keep the matches of an applicant of whom nothing but the number has changed, settled or not.

    Without it `mark` ends them: the number is among what was compared.
    """
    known, person = before.personal.applicant, review.application.personal.applicant
    told = [watchlist.compared(one) for one in (known, known.model_copy(update={"mobile": person.mobile}))]
    if told[1] != watchlist.compared(person):
        return
    was, is_now = (_digests(session, [one])[0] for one in told)
    for match in review.matches:
        if match.person == 0 and match.person_digest == was:
            match.person_digest = is_now


def mark(session: Session, review: ReviewRow, now: datetime, data: ReferenceData) -> None:
    """Record the matches of a locked review with the entries in force, and tell the gate if it has a pass.

    ``data`` was read under the lock of the review or of `await_confirmations`.

    A match ends, settled or not, when another person has its place in the application by now. A possible
    match becomes firm when there is more to compare; then it is settled anew, unless it was confirmed. Of an
    entry that no key opens any more only the digests are known: what they find is a possible match.
    """
    people = _people(review.application)
    traits = [_digests(session, watchlist.traits_of([person])) for person in people]
    compared = [_digests(session, [watchlist.compared(person)])[0] for person in people]
    for match in list(review.matches):
        if match.person >= len(people) or match.person_digest != compared[match.person]:
            review.matches.remove(match)
    session.flush()
    entries: Sequence[WatchlistEntryRow] = ()
    if may_match(session, review.application, data):
        alike = WatchlistEntryRow.traits.overlap([trait for own in traits for trait in own])
        entries = session.scalars(select(WatchlistEntryRow).where(_STATES["active"], alike)).all()
    for row in entries:
        content = _open(session, row)
        for number, person in enumerate(people):
            kind = watchlist.match(content, person)
            if content is _UNKNOWN and not set(traits[number]).isdisjoint(row.traits):
                kind = "possible"
            if kind is not None:
                found = insert(WatchlistMatchRow).values(
                    id=uuid4(),
                    entry_id=row.id,
                    review_id=review.id,
                    person=number,
                    person_digest=compared[number],
                    kind=kind,
                    found_at=now,
                )
                session.execute(_unless_known(found))
    if entries:
        session.expire(review, ["matches"])
    tell_gate(session, review, now)


def _unless_known(found: Insert) -> Insert:
    """Return the insertion of a match that only makes a known one firm."""
    match = WatchlistMatchRow
    confirmed = match.settled_as == "confirmed"
    settled = ("settled_as", "settled_by", "settled_at", "sealed_note")
    return found.on_conflict_do_update(
        constraint="watchlist_match_once",
        set_={"kind": "firm"} | {name: case((confirmed, getattr(match, name))) for name in settled},
        where=(match.kind == "possible") & (found.excluded.kind == "firm"),
    )


def tell_gate(session: Session, review: ReviewRow, now: datetime, *, approved_now: bool = False) -> None:
    """Publish what the gate should do about an approved visit, if that has changed.

    It is published with every approval, so that the event by itself does not betray a match.
    """
    wanted = review.status == "approved" and review.is_watched
    if wanted == review.gate_told and not approved_now:
        return
    review.gate_told = wanted
    event = GateAdvised(
        application_id=review.application_id,
        reference=review.reference,
        personal=GateAdvice(call_supervisor=wanted),
    )
    outbox.add(session, event, at=now)


def _mark_coming(session: Session, entry: WatchlistEntryRow, now: datetime) -> None:
    """Mark the visits to come that match an entry, locked one after the other in the order of their IDs.

    A companion is found here by their ID, and by name alone only when the visit is approved.
    """
    content = _open(session, entry)
    personal = ReviewRow.personal
    named = [f"{heard}$" for word in watchlist.distinctive(content.name) for heard in word]
    alike = ReviewRow.name_keys.overlap(named)
    if content.id_last4:
        companion = {"companions": [{"id_last4": content.id_last4}]}
        alike |= (personal["applicant"]["id_last4"].astext == content.id_last4) | personal.contains(companion)
    if content.mobile:
        alike |= literal_column(MOBILE) == content.mobile
    data = reference_data.current(session, now.astimezone(IST).date())
    for review in _locked(session, _coming(now) & alike):
        mark(session, review, now, data)


def _coming(now: datetime) -> ColumnElement[bool]:
    """Return the condition for reviews of visits that may take place today or later.

    A decision of a transaction that a locking query waited for is not visible to it, so a visit passes unless
    its decision is known to be of a past day.
    """
    today = now.astimezone(IST).date()
    passed = exists().where(
        DecisionRow.review_id == ReviewRow.id,
        DecisionRow.status == "approved",
        DecisionRow.slot["date"].astext < today.isoformat(),
        literal(today) > all_(DecisionRow.further_days),
    )
    return ReviewRow.status.in_(COMING) & ~passed


def _locked(session: Session, which: ColumnElement[bool]) -> Iterator[ReviewRow]:
    """Yield reviews, locked in the order of their IDs and read in batches."""
    query = select(ReviewRow).where(which).order_by(ReviewRow.id).limit(BATCH).with_for_update(of=ReviewRow)
    query = query.execution_options(populate_existing=True)
    rows = session.scalars(query).all()
    while rows:
        yield from rows
        rows = session.scalars(query.where(ReviewRow.id > rows[-1].id)).all() if len(rows) == BATCH else []


def _people(application: ApplicationDetails) -> tuple[Person | Companion, ...]:
    return (application.personal.applicant, *application.personal.companions)


# -------------------------------------------------------------- the content


def _require_watcher(principal: Principal) -> None:
    """Raise `Forbidden` unless the principal is of the ADO Branch, or of security and not at a gate."""
    is_officer = principal.role == "ado" or (principal.role == "security" and principal.gate is None)
    if not is_officer or principal.login_id is None:
        raise Forbidden("the watchlist is for the ADO Branch and for officers of security")


def _require_ado(principal: Principal) -> None:
    """Raise `Forbidden` unless the ADO Branch lifts what two officers have decided."""
    if principal.role != "ado":
        raise Forbidden("only the ADO Branch ends an active entry or dismisses a firm match", code="ado_only")


def _entry(
    session: Session, principal: Principal, entry_id: UUID, *, lock: bool = False
) -> WatchlistEntryRow:
    """Return an entry.

    Raises:
        Forbidden: as `_require_watcher`.
        NotFound: there is no such entry.
    """
    _require_watcher(principal)
    query = select(WatchlistEntryRow).where(WatchlistEntryRow.id == entry_id)
    # not the lock of the key: a match that is recorded at the same time needs only the entry's key
    row = session.scalars(query.with_for_update(key_share=True) if lock else query).one_or_none()
    if row is None:
        raise NotFound("there is no such entry")
    return row


def _command(
    session: Session, call: Call, route: str, request: Wire, effect: Callable[[], UUID]
) -> EntryView:
    def answer(entry_id: UUID) -> EntryView:
        return _view(session, session.get_one(WatchlistEntryRow, entry_id))

    return once(session, call, f"approval.{route}", request, effect, answer, reference=UUID)


def _open(session: Session, row: WatchlistEntryRow) -> watchlist.Entry:
    """Return the content of an entry; `_UNKNOWN` if it was emptied, or no key opens it any more."""
    content = _opened(session, row.id, row.sealed)
    return _ENTRY.validate_python(content) if content else _UNKNOWN


def _opened(session: Session, owner: UUID, sealed: str | None) -> dict[str, JsonValue]:
    """Return what was sealed for a row; empty if it was emptied, or no key opens it any more."""
    if sealed is None:
        return {}
    try:
        return personal_keys_of(session).open(owner, sealed)
    except UnreadableEvent:
        metrics.WATCHLIST_UNREADABLE.inc()
        return {}


def _traits(session: Session, entry: watchlist.Entry) -> list[str]:
    """Return the digests of an entry's traits."""
    return _digests(session, watchlist.traits(entry.name, entry.id_last4, entry.mobile))


def _digests(session: Session, traits: Iterable[str]) -> list[str]:
    """Return keyed digests of traits, so that nobody can read a trait back from the table."""
    secret = idempotency_secret_of(session)
    return sorted(
        hmac.new(secret, b"watchlist " + trait.encode(), hashlib.sha256).hexdigest()[:32] for trait in traits
    )


def _view(session: Session, row: WatchlistEntryRow) -> EntryView:
    state: EntryState = "ended" if row.ended_at else "active" if row.confirmed_at else "proposed"
    content = _open(session, row)
    return EntryView(
        id=row.id,
        state=state,
        **asdict(content),
        valid_until=row.valid_until,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        confirmed_by=row.confirmed_by,
        confirmed_at=row.confirmed_at,
        ended_by=row.ended_by,
        ended_at=row.ended_at,
    )


def _match_view(session: Session, row: WatchlistMatchRow, review: ReviewRow) -> MatchView:
    people = _people(review.application)
    person = people[row.person] if row.person < len(people) else people[0]
    note = _opened(session, row.id, row.sealed_note).get("note", "")
    return MatchView(
        id=row.id,
        kind=row.kind,
        found_at=row.found_at,
        entry=_view(session, row.entry),
        reference=review.reference,
        department=review.department,
        site=review.site,
        status=review.status,
        visit=review.visit,
        name=person.name,
        name_latin=person.name_latin,
        id_last4=person.id_last4,
        mobile=person.mobile if isinstance(person, Person) else None,
        settled_as=row.settled_as,
        settled_by=row.settled_by,
        settled_at=row.settled_at,
        note=str(note),
    )
