"""Another number of an applicant: messages go there, and the one before is told that it was changed."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from contracts.envelope import PersonalKeyRing, Received
from contracts.errors import Conflict
from contracts.events import MobileChanged
from services.chassis.db.database import personal_keys_of
from services.notify.adapters.sealing import seal, unseal
from services.notify.domain import message_builders
from services.notify.domain.messages import NOT_TO_APPLICANT, Personal, Purpose, State
from services.notify.domain.outcomes import TRIED_FOR, is_late
from services.notify.handlers.messages import lock_application, recipient_digest, store, wake_sender
from services.notify.handlers.resends import copy_to, latest_pass_message
from services.notify.models import ApplicationRow, MessageRow, OptOutRow

_OPEN: Collection[State] = ("queued", "accepted", "failed")
"""States of messages that nobody is known to have and that somebody should have."""
_HAD: Collection[State] = ("delivered", "read")
CLOCKS_APART = timedelta(seconds=10)
"""By so much the clock of application, which dates a change, may be off."""


def handle_mobile_changed(received: Received[MobileChanged], session: Session, now: datetime) -> None:
    """Send what still waits, and the pass, to the new number; tell the number before.

    What the number before has got since the change is sent once more. Of two changes the later one counts, in
    whichever order they arrive. A message that a sender has at this moment may still reach the number before;
    its chain ends there, whatever is reported of it later.
    """
    event = received.event
    if lock_application(session, event.application_id, event.reference).is_erased:
        return
    if event.personal.before is not None:
        notice = message_builders.mobile_changed(event)
        store(session, received.id, notice, now, application_id=event.application_id)
        if email := _email_of(session, event.application_id):
            copy = replace(notice, deliver_by="email", email=email, mobile=None)
            store(session, uuid5(received.id, "email"), copy, now, application_id=event.application_id)
    if not _remember(received, session):
        return
    own = recipient_digest(session, event.personal.mobile)
    waiting = _end_chains(session, event.application_id, own, received.occurred_at, now)
    with suppress(Conflict):  # there is no pass yet, or it was revoked
        latest = latest_pass_message(session, event.application_id)
        if latest.is_replaced or latest.recipient != own:
            waiting.append(latest)
    for number, message in enumerate(waiting):
        _send_to(session, message, event.personal.mobile, now, timedelta(seconds=number))


def _email_of(session: Session, application_id: UUID) -> str | None:
    """Return the address at which the applicant has got a message last, or None."""
    row = MessageRow
    sent = (row.channel == "email") & row.state.in_(("accepted", "delivered", "read"))
    theirs = (row.application_id == application_id) & row.purpose.not_in(NOT_TO_APPLICANT)
    query = (
        select(row).where(sent, theirs, row.personal.is_not(None)).order_by(row.created_at.desc()).limit(1)
    )
    found = session.scalars(query).first()
    if found is None or found.personal is None:
        return None
    return unseal(found.id, found.personal, personal_keys_of(session)).to


def _remember(received: Received[MobileChanged], session: Session) -> bool:
    """Record the number; return whether it is the newest."""
    event, row = received.event, ApplicationRow
    to = Personal(event.personal.mobile, None)
    newest = (
        update(row)
        .where(row.id == event.application_id, row.mobile_seq < received.seq)
        .values(
            mobile_seq=received.seq, mobile_sealed=seal(event.application_id, to, personal_keys_of(session))
        )
    )
    own = recipient_digest(session, event.personal.mobile)
    session.execute(  # its holder may have said once that the application was not theirs
        delete(OptOutRow).where(OptOutRow.recipient == own, OptOutRow.about == str(event.application_id))
    )
    return session.scalar(newest.returning(row.id)) is not None


def _end_chains(
    session: Session, application_id: UUID, own: str, changed_at: datetime, now: datetime
) -> list[MessageRow]:
    """Send nothing more to numbers before; return what the new one should get, but for passes.

    ``own`` is the digest of the new number: who has published since may have known it already. Of each chain
    it is the first message, the oldest chain first: at the new number the chain begins anew.
    """
    row = MessageRow
    theirs = (row.application_id == application_id) & row.purpose.not_in(NOT_TO_APPLICANT)
    before = theirs & row.recipient.is_distinct_from(own)
    held = session.scalars(select(row).where(before).order_by(row.id).with_for_update()).all()
    chains: dict[tuple[UUID, Purpose], list[MessageRow]] = {}
    for one in sorted(held, key=lambda one: (one.created_at, one.step)):
        if not one.is_replaced and one.purpose != "pass_issued":
            chains.setdefault((one.event_id, one.purpose), []).append(one)
    wanted = [steps[0] for steps in chains.values() if _is_wanted(steps, changed_at)]
    if not wanted:  # the newest tells how things are; older news would only confuse
        wanted = [steps[0] for steps in [*chains.values()][-1:] if _is_given_up(steps, now)]
    for one in held:
        one.next_at, one.undelivered_at, one.is_replaced = None, None, True
        if one.state == "queued":
            one.state, one.ended_at = "withdrawn", now
    session.flush()
    return wanted


def _is_wanted(steps: Sequence[MessageRow], changed_at: datetime) -> bool:
    """Return whether a chain goes on, or the number before has what it says, and only since the change."""
    if had := [one for one in steps if one.state in _HAD]:
        since = changed_at - CLOCKS_APART
        return all(
            one.channel != "email" and one.ended_at is not None and one.ended_at >= since for one in had
        )
    return any(one.state in _OPEN and (one.state == "queued" or one.next_at is not None) for one in steps)


def _is_given_up(steps: Sequence[MessageRow], now: datetime) -> bool:
    """Return whether a chain is over and nobody is known to have it, though somebody should."""
    is_new = steps[0].created_at > now - TRIED_FOR
    return is_new and steps[-1].state in _OPEN and not any(one.state in _HAD for one in steps)


def _send_to(session: Session, message: MessageRow, mobile: str, now: datetime, after: timedelta) -> None:
    """Queue a message once more, to this number. What was said first is due first."""
    if message.personal is None or is_late(message.expires_at, now):
        return
    keys: PersonalKeyRing = personal_keys_of(session)
    known = unseal(message.id, message.personal, keys)
    copy = copy_to(session, message, known, mobile, keys, now)
    copy.due_at = func.now() + after
    if message.purpose == "visitor_called":
        copy.created_at = message.created_at  # by which the newest answer is known
    copy.resend_of = None  # nobody has asked for it, so it is not one of those that are counted
    session.add(copy)
    wake_sender(session, copy.lane, copy.channel)
