"""The watchlist: who of an application matches an entry, and what the gate is told of it.

An application that arrives shares a lock with others (`await_confirmations`), which a confirmation holds
alone: whichever of the two comes second sees the first. The people of an application are compared again when
it is approved, under the lock of its review; a confirmation locks each review that it marks.
"""

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID, uuid4

from pydantic import JsonValue, TypeAdapter
from sqlalchemy import Boolean, ColumnElement, all_, case, exists, literal, literal_column, select
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.orm import Session

from contracts.envelope import UnreadableEvent
from contracts.events import ApplicationDetails, GateAdvice, GateAdvised
from contracts.model import IST, Companion, Person, ReviewStatus
from services.approval import metrics
from services.approval.domain import reviews, watchlist
from services.approval.handlers import reference_data
from services.approval.handlers.reference_data import ReferenceData
from services.approval.models.reviews import MOBILE, TAKEN_BACK, DecisionRow, ReviewRow
from services.approval.models.watchlist import WatchlistEntryRow, WatchlistMatchRow
from services.chassis.db import locks
from services.chassis.db.database import idempotency_secret_of, personal_keys_of
from services.chassis.messaging import outbox

BATCH = 200
CONFIRMING = "watchlist: confirming an entry"
"""Name of the lock of `await_confirmations`."""
_ENTRY = TypeAdapter(watchlist.Entry)
UNKNOWN = watchlist.Entry("", None, None, "")
"""Content of an entry that was emptied, or whose key is gone."""
COMING: tuple[ReviewStatus, ...] = (*reviews.UNDECIDED, "approved")
"""Reviews whose visit may still take place, if its day has not passed."""
ACTIVE = WatchlistEntryRow.confirmed_at.is_not(None) & WatchlistEntryRow.ended_at.is_(None)
"""The condition for entries in force."""


def await_confirmations(session: Session) -> None:
    """Wait for the entries that are confirmed now, and have later ones wait until the transaction ends.

    Call it before any row is locked: a confirmation locks reviews after it has taken this lock. One call is
    enough for the events of a batch.
    """
    if session.info.get(CONFIRMING, "none") is not session.get_transaction():
        locks.lock_shared(session, CONFIRMING)
        session.info[CONFIRMING] = session.get_transaction()


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
    people = people_of(review.application)
    traits = [_digests(session, watchlist.traits_of([person])) for person in people]
    compared = [_digests(session, [watchlist.compared(person)])[0] for person in people]
    for match in list(review.matches):
        if match.person >= len(people) or match.person_digest != compared[match.person]:
            review.matches.remove(match)
    session.flush()
    entries = _entries_alike(session, traits, data)
    for row in entries:
        content = open_entry(session, row)
        for number, person in enumerate(people):
            kind = watchlist.match(content, person)
            if content is UNKNOWN and not set(traits[number]).isdisjoint(row.traits):
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


def has_newcomers(
    session: Session, review: ReviewRow, people: Sequence[Person | Companion], data: ReferenceData
) -> bool:
    """Return whether somebody firmly matches an entry who is not in the application of a review as it is."""
    known = {watchlist.compared(one) for one in people_of(review.application)}
    new = [one for one in people if watchlist.compared(one) not in known]
    traits = [_digests(session, watchlist.traits_of([one])) for one in new]
    entries = [open_entry(session, row) for row in _entries_alike(session, traits, data)]
    return any(watchlist.match(entry, one) == "firm" for entry in entries for one in new)


def _entries_alike(
    session: Session, traits: Iterable[Sequence[str]], data: ReferenceData
) -> Sequence[WatchlistEntryRow]:
    """Return the entries in force that share a trait with anybody."""
    every = [trait for own in traits for trait in own]
    if data.watched is not None and data.watched.isdisjoint(every):
        return ()
    alike = WatchlistEntryRow.traits.overlap(every)
    return session.scalars(select(WatchlistEntryRow).where(ACTIVE, alike)).all()


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


def mark_coming(session: Session, entry: WatchlistEntryRow, now: datetime) -> None:
    """Mark the visits to come that match an entry, locked one after the other in the order of their IDs.

    A companion is found here by their ID, and by name alone only when the visit is approved.
    """
    content = open_entry(session, entry)
    personal = ReviewRow.personal
    named = [f"{heard}$" for word in watchlist.distinctive(content.name) for heard in word]
    alike = ReviewRow.name_keys.overlap(named)
    if content.id_last4:
        companion = {"companions": [{"id_last4": content.id_last4}]}
        alike |= (personal["applicant"]["id_last4"].astext == content.id_last4) | personal.contains(companion)
    if content.mobile:
        alike |= literal_column(MOBILE) == content.mobile
    data = reference_data.current(session, now.astimezone(IST).date())
    for review in locked_reviews(session, coming(now) & alike):
        mark(session, review, now, data)


def coming(now: datetime) -> ColumnElement[bool]:
    """Return the condition for reviews of visits that may take place today or later.

    A decision of a transaction that a locking query waited for is not visible to it, so a visit passes unless
    its decision is known to be of a past day.
    """
    today = now.astimezone(IST).date()
    passed = exists().where(
        DecisionRow.review_id == ReviewRow.id,
        DecisionRow.status == "approved",
        ~literal_column(TAKEN_BACK, Boolean),
        DecisionRow.slot["date"].astext < today.isoformat(),
        literal(today) > all_(DecisionRow.further_days),
    )
    return ReviewRow.status.in_(COMING) & ~passed


def locked_reviews(session: Session, which: ColumnElement[bool]) -> Iterator[ReviewRow]:
    """Yield reviews, locked in the order of their IDs and read in batches."""
    query = select(ReviewRow).where(which).order_by(ReviewRow.id).limit(BATCH).with_for_update(of=ReviewRow)
    query = query.execution_options(populate_existing=True)
    rows = session.scalars(query).all()
    while rows:
        yield from rows
        rows = session.scalars(query.where(ReviewRow.id > rows[-1].id)).all() if len(rows) == BATCH else []


def people_of(application: ApplicationDetails) -> tuple[Person | Companion, ...]:
    """Return the visitor and then the companions."""
    return (application.personal.applicant, *application.personal.companions)


def open_entry(session: Session, row: WatchlistEntryRow) -> watchlist.Entry:
    """Return the content of an entry; `UNKNOWN` if it was emptied, or no key opens it any more."""
    content = unseal(session, row.id, row.sealed)
    return _ENTRY.validate_python(content) if content else UNKNOWN


def unseal(session: Session, owner: UUID, sealed: str | None) -> dict[str, JsonValue]:
    """Return what was sealed for a row; empty if it was emptied, or no key opens it any more."""
    if sealed is None:
        return {}
    try:
        return personal_keys_of(session).open(owner, sealed)
    except UnreadableEvent:
        metrics.WATCHLIST_UNREADABLE.inc()
        return {}


def traits_of(session: Session, entry: watchlist.Entry) -> list[str]:
    """Return the digests of an entry's traits."""
    return _digests(session, watchlist.traits(entry.name, entry.id_last4, entry.mobile))


def _digests(session: Session, traits: Iterable[str]) -> list[str]:
    """Return keyed digests of traits, so that nobody can read a trait back from the table."""
    secret = idempotency_secret_of(session)
    return sorted(
        hmac.new(secret, b"watchlist " + trait.encode(), hashlib.sha256).hexdigest()[:32] for trait in traits
    )
