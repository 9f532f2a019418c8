"""How a pass is made and how it ends.

Every event may come twice and in any order; the application's row decides.

Whoever changes a pass holds the lock on the row of its application. So an approval, its withdrawal and a
reissue run one after another, and ``opens_a_pass`` sees all that came before.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import reduce
from uuid import UUID

from sqlalchemy import Select, func, select, text, update
from sqlalchemy.orm import Session, aliased

from contracts.crockford import new_pass_number
from contracts.envelope import Received
from contracts.errors import Conflict, InvalidInput
from contracts.events import (
    ApplicationCancelled,
    ApprovalWithdrawn,
    CorrectionSettled,
    MobileChanged,
    PassApproved,
    PersonalDataErased,
    PublicKey,
    StandingPassChanged,
    VisitDayClosed,
    VisitMoved,
)
from contracts.model import RevocationReason
from contracts.rpc.call import Call
from contracts.rpc.issuance import REISSUE, PassView, ReissuePass
from services.chassis.db.upserts import locked
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once
from services.issuance.adapters.keys import key_store
from services.issuance.domain.passes import Pass, corrected, new_pass, opens_a_pass, reached_at
from services.issuance.handlers import views
from services.issuance.models import ApplicationRow, PassRow
from services.issuance.settings import IssuanceSettings

MOST_REISSUES = 3
"""New passes of one visit that the applicant gets without the reception."""
NUMBER_TRIES = 10
"""With a million passes one random number in 34,000 is taken; ten in a row mean that something is broken."""
_ADD_APPLICATION = text("""
insert into applications (application_id, approved_revision) values (:application_id, :revision)
on conflict do nothing returning application_id
""")
_COLUMNS = (
    "number, application_id, reference, visit, valid_from, valid_to, ends_at, "
    "personal, link_code, idc, replaces, revocation, issued_at"
)
_ADD_PASS = text(f"""
with new as (
  select * from json_populate_record(null::passes, cast(:row as json))
), current as (
  select kid, public_x from signing_keys where state = 'current'
), added as (
  insert into passes ({_COLUMNS}, kid)
  select {_COLUMNS}, (select kid from current) from new where exists (select from current)
  on conflict (number) do nothing returning kid
)
select kid, public_x from added join current using (kid)
""")  # noqa: S608  made of constants
"""Add a pass under the key that is current now, if there is one and the number is free."""


class UnknownApproval(Exception):
    """The approval that a correction changes is not here (yet); the delivery is retried later."""


class NoFreeNumber(RuntimeError):
    """All the random numbers that were tried are taken."""


def issue(approved: PassApproved, session: Session, now: datetime, settings: IssuanceSettings) -> None:
    """Make a pass of an approval, once.

    No pass is made if a withdrawal, a cancellation or an erasure came first. A pass of an earlier revision,
    whose withdrawal is still on its way, is replaced.
    """
    first = {"application_id": approved.application_id, "revision": approved.revision}
    if session.scalar(_ADD_APPLICATION, first) is not None:  # no event of it came before
        earlier, closed = None, []
    else:
        application = locked(session, ApplicationRow, application_id=approved.application_id)
        opens = opens_a_pass(
            approved.revision,
            approved=application.approved_revision,
            withdrawn=application.withdrawn_revision,
            ended=application.cancelled or application.erased,
        )
        had_a_pass = application.approved_revision > 0
        application.approved_revision = max(application.approved_revision, approved.revision)
        if not opens:
            return
        if application.mobile is not None:
            approved = reached_at(approved, application.mobile)
        earlier = _live_row(session, approved.application_id) if had_a_pass else None
        closed = application.closed_days if application.shortened_revision == approved.revision else []
    if earlier is not None:
        _revoke(session, earlier, "withdrawn", now, replaced=True)

    def build(number: str) -> Pass:
        new = new_pass(
            approved,
            number,
            _new_link_code(),
            margin_minutes=settings.entry_margin_minutes,
            master=settings.commitment_master.get_secret_value(),
            replaces=None if earlier is None else earlier.number,
        )
        return reduce(Pass.without, closed, new)

    _add(session, build, now, settings)


def close_day(closed: VisitDayClosed, session: Session, now: datetime, settings: IssuanceSettings) -> None:
    """Take a closed day out of the visit of a revision; its pass ends where no day is left.

    The pass keeps its number and its link, and is published again. The day is remembered for a pass that
    does not exist yet.
    """
    if not closed.remaining_days:
        withdraw(closed, session, now)
        return
    application = locked(session, ApplicationRow, application_id=closed.application_id)
    if closed.revision > application.shortened_revision:
        application.shortened_revision, application.closed_days = closed.revision, []
    if closed.revision == application.shortened_revision:
        application.closed_days = sorted({*application.closed_days, closed.day})
    row = _live_row(session, closed.application_id)
    if row is None or application.approved_revision != closed.revision:
        return
    before = row.as_pass()
    shorter = before.without(closed.day)
    if shorter != before and shorter.personal is not None:
        row.visit, row.valid_from, row.valid_to = shorter.visit, shorter.valid_from, shorter.valid_to
        if shorter.visit.slot.day != before.visit.slot.day:  # its visitor is reminded of another day
            row.remind_at = now
        row.ends_at = shorter.ends_at
        key = key_store(settings).by_kid_or_current(session, row.kid)
        token = None if shorter.visit.recurring else views.sign(shorter, key, settings)
        outbox.add(session, shorter.issued(key.public, token, is_update=True), at=now)


def move(moved: VisitMoved, session: Session, now: datetime, settings: IssuanceSettings) -> None:
    """Replace the pass of a visit that takes place on another day, unless its approval has ended.

    Raises:
        UnknownApproval: the approval is not here (yet).
    """
    application = locked(session, ApplicationRow, application_id=moved.application_id)
    ended = application.cancelled or application.erased or application.withdrawn_revision >= moved.revision
    if application.approved_revision < moved.revision and not ended:
        raise UnknownApproval
    row = _live_row(session, moved.application_id)
    if row is None or application.approved_revision != moved.revision:
        return
    old = row.as_pass()
    if old.personal is None:
        return
    _revoke(session, row, "day_closed", now)
    master = settings.commitment_master.get_secret_value()

    def build(number: str) -> Pass:
        new = old.at(moved.slot, settings.entry_margin_minutes).renumbered(number, _new_link_code(), master)
        return replace(new, replaces=None)  # today's entries and exits are not those of the other day

    _add(session, build, now, settings)


def withdraw(withdrawn: ApprovalWithdrawn | VisitDayClosed, session: Session, now: datetime) -> None:
    """Void the approvals of a revision and of those before it, whether their passes exist yet or not."""
    reason: RevocationReason = "day_closed" if isinstance(withdrawn, VisitDayClosed) else "withdrawn"
    application = locked(session, ApplicationRow, application_id=withdrawn.application_id)
    application.withdrawn_revision = max(application.withdrawn_revision, withdrawn.revision)
    if application.approved_revision <= withdrawn.revision:
        _revoke_live(session, withdrawn.application_id, reason, now, withdrawn)


def cancel(cancelled: ApplicationCancelled, session: Session, now: datetime) -> None:
    """Revoke the pass of an application that has ended. A later approval of it makes no pass."""
    locked(session, ApplicationRow, application_id=cancelled.application_id).cancelled = True
    _revoke_live(session, cancelled.application_id, "cancelled", now)


def change_mobile(received: Received[MobileChanged], session: Session) -> None:
    """Give the passes of an application to another number, whose session sees them from now on.

    The number is remembered for a pass that does not exist yet.
    """
    event = received.event
    application = locked(session, ApplicationRow, application_id=event.application_id)
    if application.erased or received.seq <= application.mobile_seq:
        return
    application.mobile_seq, application.mobile = received.seq, event.personal.mobile
    for row in session.scalars(select(PassRow).where(PassRow.application_id == event.application_id)):
        if row.personal is not None:
            applicant = row.personal.applicant.model_copy(update={"mobile": event.personal.mobile})
            row.personal = row.personal.model_copy(update={"applicant": applicant})
            row.visit = row.visit.model_copy(update={"deliver_by": event.deliver_by})


def correct(settled: CorrectionSettled, session: Session, now: datetime, settings: IssuanceSettings) -> None:
    """Replace the pass of a visit whose department has confirmed a correction of who comes.

    Raises:
        UnknownApproval: the approval is not here (yet).
    """
    approved = settled.approved_revision
    if settled.outcome != "applied" or approved is None:
        return
    application = locked(session, ApplicationRow, application_id=settled.application_id)
    if application.approved_revision < approved and not (application.cancelled or application.erased):
        raise UnknownApproval
    if application.approved_revision > approved:  # it was approved anew, with the people of then
        return
    row = _live_row(session, settled.application_id)
    if settled.number <= application.corrected or row is None:
        return
    application.corrected, old = settled.number, row.as_pass()
    if old.state_at(now) != "issued" or old.personal is None:
        return
    _revoke(session, row, "reissued", now, replaced=True)
    master = settings.commitment_master.get_secret_value()
    new = _add(
        session,
        lambda number: corrected(old, settled.personal, number, _new_link_code(), master),
        now,
        settings,
    )
    _keep_said(session, row, new.number)


def switch(changed: StandingPassChanged, session: Session, now: datetime, settings: IssuanceSettings) -> None:
    """Revoke a standing pass that is suspended; issue it under another number when that is lifted.

    So a revocation stays final, wherever it has been heard of.

    Raises:
        UnknownApproval: the approval is not here (yet).
    """
    application = locked(session, ApplicationRow, application_id=changed.application_id)
    is_over = (
        application.cancelled or application.erased or application.withdrawn_revision >= changed.revision
    )
    if application.approved_revision < changed.revision and not is_over:
        raise UnknownApproval
    if changed.number <= (application.standing_changes or 0):
        return
    application.standing_changes = changed.number
    row = _live_row(session, changed.application_id)
    if changed.suspended and row is not None:
        _revoke(session, row, "suspended", now, note=changed.personal.note)
    elif not changed.suspended and row is None and not is_over:
        last = session.scalars(_newest(changed.application_id)).one().as_pass()
        if last.ends_at > now and last.personal is not None:
            master = settings.commitment_master.get_secret_value()
            _add(session, lambda number: last.renumbered(number, _new_link_code(), master), now, settings)


def erase_personal_data(erased: PersonalDataErased, session: Session) -> None:
    """Delete the people of an application.

    Nobody sees its passes after that, and a late approval makes none.
    """
    application = locked(session, ApplicationRow, application_id=erased.application_id)
    application.erased, application.mobile = True, None
    of_application = update(PassRow).where(PassRow.application_id == erased.application_id)
    session.execute(of_application.values(personal=None, link_code=None, idc=None))


def reissue(
    request: ReissuePass, call: Call, session: Session, now: datetime, settings: IssuanceSettings
) -> PassView:
    """Revoke a lost or forwarded pass and issue the same visit under a new number and a new link.

    Raises:
        NotFound: there is no such pass, or it is not the principal's.
        Conflict: ``not_reissuable``, it is revoked or has expired; ``too_many_reissues``, with the fact
            ``most``: the applicant got so many already. The reception can still reissue it.
        InvalidInput: the reason is not one that a person may give.
    """
    if request.reason not in {"reissued", "security"}:
        raise InvalidInput.of(
            "reason", "not_accepted", "a pass is reissued because it was lost, or for security"
        )

    def effect() -> str:
        row = views.find(session, request.number, call.principal)
        locked(session, ApplicationRow, application_id=row.application_id)
        session.refresh(row)
        old = row.as_pass()
        old.require_reissuable(now)
        is_limited = call.principal.kind == "applicant" and settings.rate_limits
        if is_limited and _asked_for(session, row.application_id) >= MOST_REISSUES:
            raise Conflict(
                "this visit had too many passes; the reception can help",
                code="too_many_reissues",
                most=MOST_REISSUES,
            )
        _revoke(session, row, request.reason, now, replaced=True)
        master = settings.commitment_master.get_secret_value()
        new = _add(session, lambda number: old.renumbered(number, _new_link_code(), master), now, settings)
        _keep_said(session, row, new.number)
        return new.number

    def answer(number: str) -> PassView:
        return views.view_of(session.get_one(PassRow, number), call.principal, session, now, settings)

    return once(session, call, f"issuance.{REISSUE.name}", request, effect, answer, reference=str)


def _asked_for(session: Session, application_id: UUID) -> int:
    """Return how many passes of an application were lost; one that a correction has replaced was not.

    A correction changes the people of a pass. They are the same in the two passes of a reissue, since an
    erasure and another mobile change those of all.
    """
    next_one = aliased(PassRow)
    lost = (PassRow.application_id == application_id) & (PassRow.revocation == "reissued")
    pairs = select(func.count()).select_from(PassRow).join(next_one, next_one.replaces == PassRow.number)
    return session.scalar(pairs.where(lost, next_one.personal == PassRow.personal)) or 0


def _live_row(session: Session, application_id: UUID) -> PassRow | None:
    live = (PassRow.application_id == application_id) & PassRow.revoked_at.is_(None)
    return session.scalars(select(PassRow).where(live)).one_or_none()


def _newest(application_id: UUID) -> Select[PassRow]:
    """Return the query of the pass that was revoked last, where none is live."""
    found = select(PassRow).where(PassRow.application_id == application_id)
    return found.order_by(PassRow.revoked_at.desc()).limit(1)


def _revoke_live(
    session: Session,
    application_id: UUID,
    reason: RevocationReason,
    now: datetime,
    by: ApprovalWithdrawn | VisitDayClosed | None = None,
) -> None:
    row = _live_row(session, application_id)
    withdrawn = by if isinstance(by, ApprovalWithdrawn) else None
    if row is not None:
        _revoke(session, row, reason, now, withdrawn=withdrawn)
    elif withdrawn is not None:
        _tell_of_end(session, withdrawn, now)


def _tell_of_end(session: Session, withdrawn: ApprovalWithdrawn, now: datetime) -> None:
    """Tell of the end of a pass that is suspended; it has been revoked since then."""
    row = session.scalars(_newest(withdrawn.application_id)).first()
    if row is not None and row.revocation == "suspended":
        was = replace(row.as_pass(), revocation=None)
        outbox.add(session, was.revoke("withdrawn", withdrawn=withdrawn), at=now)
        row.revocation = "withdrawn"


def _revoke(
    session: Session,
    row: PassRow,
    reason: RevocationReason,
    now: datetime,
    *,
    replaced: bool = False,
    withdrawn: ApprovalWithdrawn | None = None,
    note: str = "",
) -> None:
    event = row.as_pass().revoke(reason, replaced=replaced, withdrawn=withdrawn, note=note)
    outbox.add(session, event, at=now)
    row.revocation, row.revoked_at = reason, now
    session.flush()


def _add(session: Session, build: Callable[[str], Pass], now: datetime, settings: IssuanceSettings) -> Pass:
    """Store the pass that ``build`` makes of a free number, and publish PassIssued."""
    for _ in range(NUMBER_TRIES):
        new = build(new_pass_number())
        key = session.execute(_ADD_PASS, {"row": _json(new, now)}).one_or_none()
        if key is not None:
            signer = key_store(settings).found_current(session, key.kid)
            public = PublicKey(kid=key.kid, x=key.public_x)
            token = None if new.visit.recurring else views.sign(new, signer, settings)
            outbox.add(session, new.issued(public, token), at=now)
            return new
        key_store(settings).current(session, now)  # the number was taken, or there was no key yet
    raise NoFreeNumber(f"{NUMBER_TRIES} numbers in a row are taken")


def _keep_said(session: Session, old: PassRow, number: str) -> None:
    """Give the pass that replaces another what was said by its link, and when its reminders are due."""
    said = update(PassRow).where(PassRow.number == number).values(said=old.said, remind_at=old.remind_at)
    session.execute(said)


def _json(new: Pass, now: datetime) -> str:
    """Return the row of a new pass, as `_ADD_PASS` expects it."""
    personal = None if new.personal is None else new.personal.model_dump(mode="json", by_alias=True)
    row = {
        **vars(new),
        "visit": new.visit.model_dump(mode="json", by_alias=True),
        "personal": personal,
        "ends_at": new.ends_at,
        "issued_at": now,
    }
    return json.dumps(row, default=str)


def _new_link_code() -> str:
    """Return 22 characters, 128 random bits."""
    return secrets.token_urlsafe(16)
