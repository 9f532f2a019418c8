"""Calls of gates for help: a gate calls, the reception of its site hears it ring, and somebody answers."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from contracts.errors import Forbidden, NotFound
from contracts.model import site_of
from contracts.rpc.call import Call, Principal
from contracts.rpc.verify import (
    ANSWER_HELP,
    CALL_HELP,
    CallForHelp,
    HelpCall,
    HelpCallId,
    HelpCalls,
    HelpQuestion,
)
from services.chassis.db import locks
from services.chassis.db.batches import delete_batch
from services.chassis.db.retention import kept_since
from services.chassis.rpc.idempotency import once
from services.verify.domain.gates import require_existing
from services.verify.handlers.authorization import require_gate_login
from services.verify.handlers.pass_lookup import knowledge_of
from services.verify.models import HelpCallRow

RINGS_FOR = timedelta(minutes=15)
SHOWN_FOR = timedelta(minutes=5)
"""For so long the gate and the reception see who has answered."""


def call_help(request: CallForHelp, call: Call, session: Session, now: datetime) -> HelpCall:
    """Call for help from a gate; while a call of that gate rings, it is the same call, and rings anew.

    Raises:
        Forbidden: the login does not stand at this gate.
        InvalidInput: there is no such gate.
    """
    login = require_gate_login(call.principal, request.gate)
    site = site_of(request.gate)
    require_existing(request.gate, knowledge_of(session, site).gates)

    def effect() -> UUID:
        locks.lock(session, f"help at {request.gate}")
        row = HelpCallRow
        rings = select(row).where(
            row.gate == request.gate, row.answered_at.is_(None), row.called_at > now - RINGS_FOR
        )
        ringing = session.scalars(rings).first()
        if ringing is None:
            ringing = HelpCallRow(
                id=uuid4(), site=site, gate=request.gate, called_at=now, called_by=login, reason=""
            )
            session.add(ringing)
        ringing.reason, ringing.called_at = request.reason, now
        session.flush()
        return ringing.id

    return once(
        session,
        call,
        f"verify.{CALL_HELP.name}",
        request,
        effect,
        lambda made: _view(session.get_one(HelpCallRow, made)),
        reference=UUID,
    )


def answer(request: HelpCallId, call: Call, session: Session, now: datetime) -> HelpCall:
    """Say that the principal comes; whoever was first stays.

    Raises:
        Forbidden: the principal is neither of the reception nor of security.
        NotFound: there is no such call at a site of theirs.
    """
    site = _site_of_helper(call.principal)

    def effect() -> UUID:
        row = session.get(HelpCallRow, request.call_id, with_for_update=True)
        if row is None or site not in {None, row.site}:
            raise NotFound("there is no such call")
        if row.answered_at is None:
            row.answered_at, row.answered_by = now, call.principal.login_id
        return row.id

    return once(
        session,
        call,
        f"verify.{ANSWER_HELP.name}",
        request,
        effect,
        lambda answered: _view(session.get_one(HelpCallRow, answered)),
        reference=UUID,
    )


def list_calls(request: HelpQuestion, call: Call, session: Session, now: datetime) -> HelpCalls:
    """Return the calls of a site that ring or were just answered; of all sites to a reception of all.

    Raises:
        Forbidden: the principal is neither of the reception nor of security, or is of another site.
    """
    site = _site_of_helper(call.principal)
    if site is not None and request.site not in {None, site}:
        raise Forbidden("this login is of another site", code="not_your_site")
    return HelpCalls(items=of_site(session, site or request.site, now))


def of_site(session: Session, site: str | None, now: datetime) -> tuple[HelpCall, ...]:
    """Return the calls of a site, or of all, that ring or were just answered; the oldest first."""
    row = HelpCallRow
    query = select(row).where(
        row.called_at > now - RINGS_FOR - SHOWN_FOR,
        or_(
            row.answered_at.is_(None) & (row.called_at > now - RINGS_FOR),
            row.answered_at > now - SHOWN_FOR,
        ),
    )
    if site is not None:
        query = query.where(row.site == site)
    return tuple(_view(one) for one in session.scalars(query.order_by(row.called_at, row.id)))


def delete_old(session: Session, now: datetime, months: int) -> int:
    """Delete a batch of calls that are older than records are kept; return how many."""
    return delete_batch(session, HelpCallRow, HelpCallRow.called_at < kept_since(now, months))


def _site_of_helper(principal: Principal) -> str | None:
    """Return the site of whoever may come; None for a reception of all sites."""
    if principal.role == "reception":
        return principal.site
    if principal.role == "security" and principal.site is not None:
        return principal.site
    raise Forbidden("only the reception and security come to help")


def _view(row: HelpCallRow) -> HelpCall:
    return HelpCall.model_validate({name: getattr(row, name) for name in HelpCall.model_fields})
