"""How a pass comes to be and how it ends. Every event may come twice and in any order; the application's row decides.

Whoever changes a pass holds the lock on its application's row, so that an approval, its withdrawal and a reissue take
their turns, and ``opens_a_pass`` sees all that came before.
"""

import secrets
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.crockford import new_pass_number
from contracts.errors import InvalidInput
from contracts.events import ApplicationCancelled, ApprovalWithdrawn, PassApproved, PersonalDataErased
from contracts.model import RevocationReason
from contracts.rpc.call import Call
from contracts.rpc.issuance import PassView, ReissuePass
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once
from services.chassis.runtime.settings import settings
from services.issuance.domain import Pass, new_pass, opens_a_pass
from services.issuance.handlers.viewing import pass_for, view_of
from services.issuance.keys import current_key
from services.issuance.models import ApplicationRow, PassRow

NUMBER_TRIES = 10
"""With a million passes one try in 34,000 meets a used number; ten in a row mean that something is broken."""


class NoFreeNumber(RuntimeError):
    """All the numbers that were drawn are taken."""


def issue_pass(approved: PassApproved, session: Session, now: datetime) -> None:
    """An approval becomes a pass: once, and not at all where a withdrawal, a cancellation or an erasure came first.

    A pass of an earlier revision, whose withdrawal is still on its way, is replaced.
    """
    application = _locked(session, approved.application_id)
    opens = opens_a_pass(
        approved.revision,
        approved=application.approved_revision,
        withdrawn=application.withdrawn_revision,
        ended=application.cancelled or application.erased,
    )
    application.approved_revision = max(application.approved_revision, approved.revision)
    if not opens:
        return
    earlier = _live_row(session, approved.application_id)
    if earlier is not None:
        _revoke(session, earlier, "withdrawn", now, replaced=True)
    margin, replaces = settings().entry_margin_minutes, None if earlier is None else earlier.number

    def build(number: str) -> Pass:
        return new_pass(
            approved, number, _new_link_code(), margin_minutes=margin, master=_master(), replaces=replaces
        )

    _issue(session, build, now)


def withdraw_pass(withdrawn: ApprovalWithdrawn, session: Session, now: datetime) -> None:
    """The approval of a revision holds no longer, nor those of earlier ones, whether their passes exist yet or not."""
    application = _locked(session, withdrawn.application_id)
    application.withdrawn_revision = max(application.withdrawn_revision, withdrawn.revision)
    if application.approved_revision <= withdrawn.revision:
        _revoke_live(session, withdrawn.application_id, "withdrawn", now)


def cancel_pass(cancelled: ApplicationCancelled, session: Session, now: datetime) -> None:
    """The application has ended; whatever is approved of it later makes no pass."""
    _locked(session, cancelled.application_id).cancelled = True
    _revoke_live(session, cancelled.application_id, "cancelled", now)


def erase_personal_data(erased: PersonalDataErased, session: Session) -> None:
    """Forgets the people of an application; nobody sees its passes after that, and no approval that is late makes one."""
    _locked(session, erased.application_id).erased = True
    forget = update(PassRow).where(PassRow.application_id == erased.application_id)
    session.execute(forget.values(personal=None, link_code=None, idc=None))


def reissue(request: ReissuePass, call: Call, session: Session, now: datetime) -> PassView:
    """A lost or forwarded pass: the same visit under a new number and a new link, and the old one revoked.

    Raises:
        NotFound: no such pass, or not the principal's.
        Conflict: ``not_reissuable``, it is revoked or expired.
        InvalidInput: the reason belongs to somebody else.
    """
    if request.reason not in {"reissued", "security"}:
        raise InvalidInput.of(
            "reason", "not_accepted", "a pass is reissued because it was lost, or for security"
        )

    def effect() -> str:
        old = pass_for(session, request.number, call.principal)
        _locked(session, old.application_id)
        session.refresh(old)
        lost = old.as_pass()
        lost.require_reissuable(now)
        _revoke(session, old, request.reason, now, replaced=True)
        return _issue(
            session, lambda number: lost.renumbered(number, _new_link_code(), _master()), now
        ).number

    return once(
        session,
        call,
        "issuance.reissue",
        request,
        effect,
        lambda number: view_of(session, session.get_one(PassRow, number), now),
    )


def _locked(session: Session, application_id: UUID) -> ApplicationRow:
    """The row of an application, which may be the first that is heard of it, locked until the transaction ends."""
    session.execute(insert(ApplicationRow).values(application_id=application_id).on_conflict_do_nothing())
    return session.get_one(ApplicationRow, application_id, with_for_update=True, populate_existing=True)


def _live_row(session: Session, application_id: UUID) -> PassRow | None:
    return session.scalars(
        select(PassRow).where(PassRow.application_id == application_id, PassRow.revoked_at.is_(None))
    ).one_or_none()


def _revoke_live(session: Session, application_id: UUID, reason: RevocationReason, now: datetime) -> None:
    row = _live_row(session, application_id)
    if row is not None:
        _revoke(session, row, reason, now)


def _revoke(
    session: Session, row: PassRow, reason: RevocationReason, now: datetime, *, replaced: bool = False
) -> None:
    outbox.add(session, row.as_pass().revoke(reason, replaced=replaced), at=now)
    row.revocation, row.revoked_at = reason, now
    session.flush()


def _issue(session: Session, build: Callable[[str], Pass], now: datetime) -> Pass:
    """Stores the pass that ``build`` makes of a number that nobody has, and says so."""
    key = current_key(session, now)
    for _ in range(NUMBER_TRIES):
        made = build(new_pass_number())
        row = insert(PassRow).values(**vars(made), kid=key.kid, issued_at=now)
        if (
            session.scalar(row.on_conflict_do_nothing(index_elements=["number"]).returning(PassRow.number))
            is not None
        ):
            outbox.add(session, made.issued(key.public), at=now)
            return made
    raise NoFreeNumber(f"{NUMBER_TRIES} numbers in a row are taken")


def _new_link_code() -> str:
    """22 characters, 128 random bits."""
    return secrets.token_urlsafe(16)


def _master() -> str:
    return settings().commitment_master.get_secret_value()
