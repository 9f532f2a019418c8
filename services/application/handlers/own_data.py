"""What an applicant's own applications hold: shown, copied, and erased at their request.

Families share a phone, so all of it is about the applications that are open for the session
(`unlocked_sessions`). Who may have what erased is decided in ``domain/retention.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.crockford import new_pass_number
from contracts.errors import Forbidden, NotFound, TooManyAttempts
from contracts.rpc.application import ERASE_OWN_DATA, RECORD_COPY
from contracts.rpc.call import Call, Nothing, Principal
from contracts.rpc.own_data import ErasedOnRequest, Kept, OwnApplications, OwnData, OwnDataQuestion, kept
from services.application.domain.retention import erasable_from, photograph_erasable_from
from services.application.domain.status import WITH_PASS
from services.application.handlers import consents, photographs, requests, unlocked_sessions
from services.application.handlers.rows import drop_photograph, locked, passes_of
from services.application.handlers.scheduled_jobs import erase_personal_data, lock_personal_data
from services.application.handlers.views import timeline_of
from services.application.models import ApplicationRow, PassRow, PhotographRow
from services.application.settings import ApplicationSettings
from services.chassis.audit import entries, readers
from services.chassis.audit.record import note_objects_alone, record_task
from services.chassis.db.database import Database, after_commit
from services.chassis.rpc.idempotency import once
from services.chassis.runtime import logs

log = logs.logger(__name__)
COPIES_AN_HOUR = 5
_ANSWERS = (
    *("reference", "status", "submitted_at", "channel", "kind", "language", "deliver_by", "assistance"),
    *("site", "department", "officer", "purpose_kind", "purpose", "preferred", "companions", "vehicle"),
    *("name", "name_latin", "mobile", "email", "id_type", "official", "guardian", "note", "correction"),
)


@dataclass(frozen=True)
class Erased:
    """What a request erased, from which the answer to a repeated command is rebuilt."""

    receipt: str
    references: tuple[str, ...]
    photographs: tuple[str, ...]
    requests: tuple[str, ...] = ()
    locked: dict[str, datetime] = field(default_factory=dict)


class _From(NamedTuple):
    """From when on what of an application may go."""

    erasable: datetime | None
    lockable: datetime | None
    """None of one that is locked."""
    picture: datetime


def list_kept(
    request: OwnDataQuestion, call: Call, session: Session, now: datetime, settings: ApplicationSettings
) -> OwnData:
    """Return what is kept of those of these applications that the caller's session has opened.

    The data officer has them open as they are named.

    Raises:
        Forbidden: as `readers.owner_of`.
    """
    owner = readers.owner_of(call.principal, whole=request.whole)
    rows = _own(session, request.references, call.principal, owner, now)
    passes = passes_of(session, [row.id for row in rows])
    items: list[Kept] = []
    for row in rows:
        until = row.last_matters_at + timedelta(days=settings.people_kept_days)
        until = min(until, row.locked_until or until)
        may_go = _may_go(row, passes[row.id], settings, now)
        answers = ({name: getattr(row, name) for name in _ANSWERS},) if request.whole else ()
        items.append(
            kept(
                row.reference,
                "answers",
                [row.submitted_at],
                until=until,
                erasable=may_go.erasable,
                lockable=may_go.lockable,
                is_locked=row.locked_at is not None,
                numbers=tuple(one.number for one in passes[row.id]),
                receivers=(row.department,),
                notice=row.notice,
                consent=consents.consent_of(row),
                records=answers,
            )
        )
        photograph = session.get(PhotographRow, row.id)
        if photograph is not None:
            jpeg = ({"jpeg": photographs.opened(session, photograph)},) if request.whole else ()
            sooner = row.last_matters_at + timedelta(days=settings.photographs_kept_days)
            of_row = {"until": min(until, sooner), "erasable": may_go.picture}
            items.append(kept(row.reference, "photograph", [row.submitted_at], records=jpeg, **of_row))
        events = timeline_of(session, row)
        if events:
            lines = tuple(one.model_dump(mode="json") for one in events) if request.whole else ()
            instants = [one.at for one in events]
            items.append(kept(row.reference, "progress", instants, is_nameless=True, records=lines))
    if owner is not None and call.principal.kiosk is None:
        # a request names a number and no card: whoever has proved the number reads it, but at no kiosk
        items += requests.of_mobile(session, owner, settings, whole=request.whole)
    return readers.answer(session, items)


def record_copy(
    request: OwnApplications, call: Call, session: Session, now: datetime, *, rate_limits: bool
) -> Nothing:
    """Record that the caller takes a copy of their data, which the gateway then asks for.

    Raises:
        Forbidden: as `readers.mobile_of`; or ``at_a_kiosk``, where no file stays.
        TooManyAttempts: they took `COPIES_AN_HOUR` within an hour.
    """
    principal = call.principal
    readers.mobile_of(principal)
    if principal.kiosk:
        raise Forbidden("no file stays at a kiosk", code="at_a_kiosk")

    def effect() -> str:
        actor = principal.login_id or principal.id
        before = entries.done_before(session, actor, RECORD_COPY.name, COPIES_AN_HOUR)
        if rate_limits and before is not None and now - before < timedelta(hours=1):
            raise TooManyAttempts.until(before + timedelta(hours=1), now, "too many copies within an hour")
        return ""

    route = f"application.{RECORD_COPY.name}"
    return once(session, call, route, request, effect, lambda _none: Nothing(), reference=str)


def erase(
    request: OwnApplications, call: Call, session: Session, now: datetime, settings: ApplicationSettings
) -> ErasedOnRequest:
    """Erase what may go of these applications, here and by `PersonalDataErased` everywhere.

    That is an application whose visit is over for as long as the site has to keep it, and each photograph
    that no gate has to compare any more and the site need not keep. One whose visit is over, and that has to
    stay, is locked until it may go. The audit log names what was erased and locked, not what else was asked
    for.

    Raises:
        Forbidden: as `readers.mobile_of`.
        NotFound: nothing of them may go or be locked.
    """
    mobile = readers.mobile_of(call.principal)

    def effect() -> Erased:
        rows = _own(session, request.references, call.principal, mobile, now, lock=True)
        named = () if call.principal.kiosk else request.references
        numbered = requests.erase_numbered(session, named, now, settings, mobile)
        return erase_rows(rows, session, now, settings, numbered)

    route = f"application.{ERASE_OWN_DATA.name}"
    return once(session, call, route, request, effect, receipt_of, reference=Erased)


def erase_rows(
    rows: Sequence[ApplicationRow],
    session: Session,
    now: datetime,
    settings: ApplicationSettings,
    numbered: Sequence[str] = (),
) -> Erased:
    """Erase what may go of these applications, lock what has to stay of an ended one, number the receipt.

    Args:
        numbered: the requests that were erased with them.

    Raises:
        NotFound: nothing of them may go or be locked.
    """
    gone, pictures, kept_locked = _erase_what_may_go(rows, session, now, settings)
    if not gone and not pictures and not kept_locked and not numbered:
        raise NotFound("nothing of these applications may be erased now")
    receipt = new_pass_number()  # of its form, so that auditors can search for it
    # after a restore the log alone knows it (docs/backup.md)
    erased = [*gone, *numbered]
    done = {"references": erased, "photographs": pictures, "locked": list(kept_locked)}
    after_commit(session, partial(log.info, "erased on request", receipt=receipt, **done))
    return Erased(receipt, tuple(gone), tuple(pictures), tuple(numbered), kept_locked)


def receipt_of(made: Erased, *why: str) -> ErasedOnRequest:
    """Return the receipt, which the audit log has instead of all that was asked for; with ``why``, if any."""
    note_objects_alone(made.receipt, *made.photographs, *made.requests, *made.locked, *why)
    return ErasedOnRequest.from_attributes(made)


def _may_go(
    row: ApplicationRow, passes: Sequence[PassRow], settings: ApplicationSettings, now: datetime
) -> _From:
    """Return from when on an application may be erased, or locked, and from when on its photograph alone."""
    was_approved = bool(passes) or row.decision_kind in WITH_PASS
    facts = row.status, row.last_matters_at, row.cancelled_at
    erasable = erasable_from(*facts, settings.kept_at_least, was_approved=was_approved)
    lockable = erasable_from(*facts, timedelta(), was_approved=was_approved)
    if row.locked_until is not None:
        erasable, lockable = row.locked_until, None
    admits = any(one.issued and not one.revoked for one in passes)
    picture_from = photograph_erasable_from(
        row.status,
        row.last_matters_at,
        row.cancelled_at,
        settings.photographs_kept_at_least,
        now,
        admits=admits,
    )
    return _From(erasable, lockable, picture_from)


def erase_again(
    db: Database, now: datetime, references: Sequence[str], settings: ApplicationSettings
) -> tuple[list[str], list[str], list[str]]:
    """Erase or lock after a restore what was on request.

    Returns:
        Whose people, and whose photograph alone, was erased; what is locked, perhaps by the restore.
    """
    row = ApplicationRow
    with db.transaction() as session:
        query = select(row).where(row.reference.in_(references), row.erased_at.is_(None)).order_by(row.id)
        rows = session.scalars(locked(query)).all()
        gone, pictures, _ = _erase_what_may_go(rows, session, now, settings)
        kept_locked = [one.reference for one in rows if one.locked_at is not None]
        gone += requests.erase_numbered(session, references, now, settings, None)
        record_task(session, "erase_again", [*gone, *pictures, *kept_locked], now)
        return gone, pictures, kept_locked


def _erase_what_may_go(
    rows: Sequence[ApplicationRow], session: Session, now: datetime, settings: ApplicationSettings
) -> tuple[list[str], list[str], dict[str, datetime]]:
    """Return the references whose people are erased, of which the photograph alone, what is locked till when.

    The photograph of a locked application goes, too, if it may.
    """
    gone: list[str] = []
    pictures: list[str] = []
    kept_locked: dict[str, datetime] = {}
    passes = passes_of(session, [row.id for row in rows])
    for row in rows:
        may_go = _may_go(row, passes[row.id], settings, now)
        if may_go.erasable is not None and may_go.erasable <= now:
            erase_personal_data(row.id, session, now)
            gone.append(row.reference)
            continue
        if may_go.erasable is not None and may_go.lockable is not None and may_go.lockable <= now:
            lock_personal_data(row, may_go.erasable, session, now)
            kept_locked[row.reference] = may_go.erasable
        if may_go.picture > now:
            continue
        if drop_photograph(session, row, now) is not None:
            pictures.append(row.reference)
    return gone, pictures, kept_locked


def _own(
    session: Session,
    references: Sequence[str],
    principal: Principal,
    owner: str | None,
    now: datetime,
    *,
    lock: bool = False,
) -> list[ApplicationRow]:
    """Return the applications of the caller's mobile among these that their session has opened.

    Where ``owner`` is None, the data officer asks: those of anybody.
    """
    row = ApplicationRow
    mine = row.mobile == owner if owner is not None else row.erased_at.is_(None)
    query = select(row).where(mine, row.reference.in_(references)).order_by(row.id)
    rows = session.scalars(locked(query) if lock else query).all()
    if owner is None:
        return list(rows)
    opened = unlocked_sessions.opened_of(session, rows, principal, now)
    return [one for one in rows if one.id in opened]
