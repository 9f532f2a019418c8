"""Unlock an application for a session whose applicant knows the last four characters of its ID card.

Families share a phone. So a proved mobile alone sees the lines of a history, without names. An application
opens for the session that sent it, and for one that has given the last four. One without an ID card (an
invitation) is always open.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from hmac import compare_digest
from uuid import UUID

from sqlalchemy import case, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.errors import Forbidden, InvalidInput, NotFound, TooManyAttempts
from contracts.identity import NotLastFour, last_four
from contracts.rpc.application import NOT_OPENED, ApplicationView, OpenApplication
from contracts.rpc.call import Call, Principal
from services.application.handlers.rows import find, is_one_of
from services.application.handlers.views import view_for_applicant
from services.application.models import ApplicationRow, UnlockedSessionRow, UnlockTriesRow
from services.chassis.audit.readers import mobile_of
from services.chassis.audit.record import note_object
from services.chassis.db import deferred_writes
from services.chassis.db.batches import delete_batch
from services.chassis.db.database import Database

TRIES = 10
WINDOW = timedelta(hours=1)
"""A mobile has ten wrong tries within an hour, whatever its sessions and applications."""
SESSION = timedelta(hours=2)
"""The session of an applicant ends within this time."""
KEPT = timedelta(days=1)
"""A row that is older matters to nobody: its session has ended."""
WINDOW_OF_PASS = timedelta(days=7)
"""A pass has as many wrong tries of companions, whoever tries (`companions.py`)."""
TRIES_OF_PASS_BY_MOBILE = 4
"""So many of them one mobile has, for several cards, and leaves the others to others."""
_TABLE = UnlockedSessionRow.metadata.tables["openings"]


def open_application(request: OpenApplication, call: Call, db: Database, now: datetime) -> ApplicationView:
    """Open an application of the applicant's mobile for their session, and return it.

    Others of this mobile that the same last four open are opened with it.

    Raises:
        NotFound: there is none, or not of this mobile.
        InvalidInput: of ``id_last4``: ``other_last4``, which is counted although this raises, or no four
            characters.
        TooManyAttempts: the mobile has had its tries, with ``retry_after`` in seconds.
    """
    try:
        given = last_four(request.id_last4)
    except NotLastFour as problem:
        raise InvalidInput.of("id_last4", problem.code) from None
    with db.transaction() as session:
        row = find(session, request.reference, also_locked=True)
        if row is None or row.mobile != mobile_of(call.principal):
            raise NotFound("there is no such application")
        if _matches(session, row, given, call.principal, now):
            same = (ApplicationRow.mobile == row.mobile) & (ApplicationRow.id_last4 == row.id_last4)
            opened = session.execute(select(ApplicationRow.id, ApplicationRow.reference).where(same))
            for application_id, reference in opened:
                note_object(reference)
                record(session, application_id, call.principal, now)
            return view_for_applicant(session, row)
    raise InvalidInput.of("id_last4", "other_last4")


def record(session: Session, application_id: UUID, principal: Principal, now: datetime) -> None:
    """Record that the session of an applicant has opened an application, or has sent it."""
    if principal.kind == "applicant" and principal.sid is not None:
        opened = {"sid": principal.sid, "application_id": application_id, "opened_at": now}
        deferred_writes.insert(session, _TABLE, [opened], skip_existing=True)


def close(session: Session, application_id: UUID) -> None:
    """Close an application for every session: its number may come back to one that had it open."""
    session.execute(delete(UnlockedSessionRow).where(UnlockedSessionRow.application_id == application_id))


def require_open(session: Session, row: ApplicationRow, principal: Principal, now: datetime) -> None:
    """Raise `Forbidden` (``not_opened``) unless the applicant's session has opened the application."""
    if not opened_of(session, [row], principal, now):
        raise Forbidden("the last four characters of the ID card open it", code=NOT_OPENED)


def opened_of(
    session: Session, rows: Iterable[ApplicationRow], principal: Principal, now: datetime
) -> set[UUID]:
    """Return the ids of those applications that are open for the session of their applicant.

    One that the version before has stored is open while the session that sent it may last.
    """
    known = list(rows)
    opened = {
        row.id
        for row in known
        if row.id_last4 is None or (not row.asks_for_card and row.submitted_at > now - SESSION)
    }
    if principal.sid is not None:
        asked = is_one_of(UnlockedSessionRow.application_id, [row.id for row in known])
        query = select(UnlockedSessionRow.application_id).where(
            UnlockedSessionRow.sid == principal.sid, asked
        )
        opened |= set(session.scalars(query))
    return opened


def delete_old(session: Session, now: datetime) -> int:
    """Delete a batch of rows of sessions that have ended, and of tries; return how many."""
    return delete_batch(
        session, UnlockedSessionRow, UnlockedSessionRow.opened_at <= now - KEPT
    ) + delete_batch(session, UnlockTriesRow, UnlockTriesRow.since <= now - WINDOW_OF_PASS)


def _matches(session: Session, row: ApplicationRow, given: str, principal: Principal, now: datetime) -> bool:
    """Return whether these are the last four; a try is counted first, so that many at once count, too.

    Raises:
        TooManyAttempts: there were too many.
    """
    if row.id_last4 is None:
        return True
    count_try(session, principal.id, now)
    if not compare_digest(given, row.id_last4):
        return False
    forgive(session, principal.id)
    return True


def count_try(session: Session, who: str, now: datetime) -> None:
    """Count a try as a wrong one, so that many at once count, too; see `forgive`.

    Raises:
        TooManyAttempts: there were too many within the window.
    """
    wrong, since = _count(session, who, now, WINDOW)
    if wrong > TRIES:
        raise TooManyAttempts.until(since + WINDOW, now, "too many wrong tries")


def has_try_of_pass(session: Session, whose: str, mobile: str, now: datetime) -> bool:
    """Count a try at a companion of a pass, as `count_try`, of its mobile first; return whether one was left.

    It does not raise, which would tell that the pass is right, and take back the try of the mobile.
    """
    of_mobile, _since = _count(session, by_mobile(whose, mobile), now, WINDOW_OF_PASS)
    if of_mobile > TRIES_OF_PASS_BY_MOBILE:
        return False
    wrong, _since = _count(session, whose, now, WINDOW_OF_PASS)
    return wrong <= TRIES


def by_mobile(whose: str, mobile: str) -> str:
    """Return under what the tries of a mobile at a pass are counted."""
    return f"{whose} {mobile}"


def _count(session: Session, who: str, now: datetime, window: timedelta) -> tuple[int, datetime]:
    tries = UnlockTriesRow
    is_over = tries.since <= now - window
    counted = insert(tries).values(who=who, since=now, wrong=1)
    counted = counted.on_conflict_do_update(
        index_elements=[tries.who],
        set_={
            "wrong": case((is_over, 1), else_=tries.wrong + 1),
            "since": case((is_over, now), else_=tries.since),
        },
    )
    wrong, since = session.execute(counted.returning(tries.wrong, tries.since)).one()
    return wrong, since


def forgive(session: Session, *who: str) -> None:
    """Count the last try of each as a right one."""
    tries = UnlockTriesRow
    session.execute(update(tries).where(tries.who.in_(who)).values(wrong=tries.wrong - 1))
