"""Calls of gates for help: a gate calls, the reception of its site hears it ring, and somebody answers."""

from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import or_, select, true
from sqlalchemy.orm import Session

from contracts.errors import Forbidden, NotFound
from contracts.model import site_of
from contracts.rpc.call import Call, Principal
from contracts.rpc.verify.incidents import (
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
from services.chassis.db.destructive_jobs import Portion
from services.chassis.db.retention import kept_since
from services.chassis.rpc.idempotency import once
from services.verify.domain.gates import require_existing
from services.verify.handlers import incidents, manifests
from services.verify.handlers.authorization import require_gate_login
from services.verify.handlers.pass_lookup import knowledge_of
from services.verify.models import HelpCallRow

RINGS_FOR = timedelta(minutes=15)
SHOWN_FOR = timedelta(minutes=5)
"""For so long the gate and the reception see who has answered."""
UNANSWERED_FOR = timedelta(minutes=15)
"""For so long after it has ended to ring they see that nobody has answered."""
BATCH = 100


def call_help(request: CallForHelp, call: Call, session: Session, now: datetime) -> HelpCall:
    """Call for help from a gate; while a call of that gate rings, it is the same call with another reason.

    It rings for a quarter of an hour from the first time on, however often the gate calls again, and is an
    incident then. Danger begins a new call, and stays the reason of it.

    Raises:
        Forbidden: the login does not stand at this gate.
        InvalidInput: there is no such gate.
    """
    login = require_gate_login(call.principal, request.gate)
    site = site_of(request.gate)
    require_existing(request.gate, knowledge_of(session, site, now).gates)

    def effect() -> UUID:
        locks.lock(session, f"help at {request.gate}")
        row = HelpCallRow
        rings = select(row).where(
            row.gate == request.gate,
            row.answered_at.is_(None),
            row.unanswered_at.is_(None),
            row.called_at > now - RINGS_FOR,
        )
        if request.reason == "danger":
            rings = rings.where(row.reason == "danger")
        is_lesser = row.reason != "danger"
        ringing = session.scalars(rings.order_by(is_lesser).limit(1).with_for_update()).first()
        if ringing is None:
            ringing = HelpCallRow(
                id=uuid4(),
                site=site,
                gate=request.gate,
                called_at=now,
                called_by=login,
                reason=request.reason,
            )
            session.add(ringing)
        elif ringing.reason != "danger":
            ringing.reason = request.reason
        session.flush()
        return ringing.id

    return once(
        session,
        call,
        f"verify.{CALL_HELP.name}",
        request,
        effect,
        lambda made: _view(session.get_one(HelpCallRow, made), now),
        reference=UUID,
    )


def answer(request: HelpCallId, call: Call, session: Session, now: datetime) -> HelpCall:
    """Say that the principal comes; whoever was first stays. After it has ended to ring it is an incident.

    Raises:
        Forbidden: the principal is neither of the reception nor of security, or has called itself, or stands
            at the gate that calls (``own_call``).
        NotFound: there is no such call at a site of theirs.
    """
    site = _site_of_helper(call.principal)

    def effect() -> UUID:
        row = session.get(HelpCallRow, request.call_id, with_for_update=True)
        if row is None or site not in {None, row.site}:
            raise NotFound("there is no such call")
        if call.principal.login_id == row.called_by or call.principal.gate == row.gate:
            raise Forbidden("somebody else answers this call", code="own_call")
        if row.answered_at is None:
            if row.unanswered_at is None and row.called_at <= now - RINGS_FOR:
                _note_unanswered(session, row, now)
            row.answered_at, row.answered_by = now, call.principal.login_id
        return row.id

    return once(
        session,
        call,
        f"verify.{ANSWER_HELP.name}",
        request,
        effect,
        lambda answered: _view(session.get_one(HelpCallRow, answered), now),
        reference=UUID,
    )


def list_calls(request: HelpQuestion, call: Call, session: Session, now: datetime) -> HelpCalls:
    """Return the calls of a site that ring, were just answered, or just ended to ring with no answer.

    A reception of all sites gets those of all. Of one site it is said whom a gate telephones.

    Raises:
        Forbidden: the principal is neither of the reception nor of security, or is of another site.
    """
    site = _site_of_helper(call.principal)
    if site is not None and request.site not in {None, site}:
        raise Forbidden("this login is of another site", code="not_your_site")
    asked = site or request.site
    calls = of_site(session, asked, now)
    if asked is None:
        return HelpCalls(items=calls)
    rules = manifests.rules_of(session, asked)
    return HelpCalls(items=calls, telephones=manifests.telephones(rules), green_s=rules.green * 60)


def of_site(session: Session, site: str | None, now: datetime) -> tuple[HelpCall, ...]:
    """Return the calls of a site, or of all, of which somebody should hear now; the oldest first."""
    row = HelpCallRow
    query = select(row).where(
        row.called_at > now - RINGS_FOR - UNANSWERED_FOR,
        or_(row.answered_at.is_(None), row.answered_at > now - SHOWN_FOR),
    )
    if site is not None:
        query = query.where(row.site == site)
    return tuple(_view(one, now) for one in session.scalars(query.order_by(row.called_at, row.id)))


def give_up(session: Session, now: datetime) -> int:
    """Make incidents of a batch of calls that have ended to ring with no answer; return how many."""
    row = HelpCallRow
    over = (
        select(row)
        .where(row.answered_at.is_(None), row.unanswered_at.is_(None), row.called_at <= now - RINGS_FOR)
        .order_by(row.called_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    found = session.scalars(over).all()
    for call in found:
        _note_unanswered(session, call, now)
    return len(found)


def old(now: datetime, months: int) -> Portion:
    """Return the calls that are older than records are kept."""
    return Portion(HelpCallRow, true(), HelpCallRow.called_at < kept_since(now, months))


def delete_old(session: Session, now: datetime, months: int) -> int:
    """Delete a batch of calls that are older than records are kept; return how many."""
    return delete_batch(session, HelpCallRow, old(now, months).taken)


def _note_unanswered(session: Session, call: HelpCallRow, now: datetime) -> None:
    """Make an incident of a call that has ended to ring with no answer."""
    call.unanswered_at = now
    incidents.add(
        session, "unanswered", call.gate, now, incident_id=call.id, site=call.site, detail=call.reason,
        login=call.called_by, called_at=call.called_at,
    )  # fmt: skip


def _site_of_helper(principal: Principal) -> str | None:
    """Return the site of whoever may come; None for a reception of all sites."""
    if principal.role == "reception":
        return principal.site
    if principal.role == "security" and principal.site is not None:
        return principal.site
    raise Forbidden("only the reception and security come to help")


def _view(row: HelpCallRow, now: datetime) -> HelpCall:
    """Return a call as others see it; that it is over is said at once, before `give_up` has found it."""
    ends = row.called_at + RINGS_FOR
    is_over = row.answered_at is None and ends <= now
    return HelpCall.from_attributes(row, unanswered_at=ends if is_over else None)
