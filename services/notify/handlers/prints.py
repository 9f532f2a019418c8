"""Prints of passes: a printed pass counts as delivered."""

from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.crockford import parse_pass_number
from contracts.errors import Forbidden, NotFound
from contracts.events import NotificationDelivered
from contracts.rpc.call import Call, Nothing, Principal
from contracts.rpc.issuance import PassNumber
from contracts.rpc.notify import RECORD_PRINT
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once
from services.notify.models import PassRow


def record_print(request: PassNumber, call: Call, session: Session, now: datetime) -> Nothing:
    """Record that the counter printed a pass, and publish the first print.

    The print of a pass whose event has not arrived yet is published when it does: the counter does not wait
    for a backlog.

    Raises:
        Forbidden: the principal is not reception; or ``wrong_site``, of another site than the pass.
        NotFound: the text is not a pass number.
    """
    if call.principal.role != "reception":
        raise Forbidden("only reception prints passes")
    try:
        number = parse_pass_number(request.number)
    except ValueError:
        raise NotFound("there is no such pass") from None

    def effect() -> str:
        session.execute(insert(PassRow).values(number=number).on_conflict_do_nothing())
        known = session.scalars(select(PassRow).where(PassRow.number == number).with_for_update()).one()
        require_site(call.principal, known.site)
        if known.printed_at is None:
            session.execute(update(PassRow).where(PassRow.number == number).values(printed_at=now))
            if known.application_id is not None:
                publish_printed(session, number, known.application_id, now)
        return number

    return once(session, call, RECORD_PRINT.name, request, effect, lambda _number: Nothing(), reference=str)


def require_site(principal: Principal, site: str | None) -> None:
    """Raise `Forbidden` if staff of one site ask for a pass of another one, as far as its site is known."""
    if principal.kind == "staff" and None not in (principal.site, site) and principal.site != site:
        raise Forbidden("this pass is of another site", code="wrong_site")


def publish_printed(session: Session, number: str, application_id: UUID, printed_at: datetime) -> None:
    """Publish that the pass reached its holder on paper, with a message ID derived from the pass number."""
    message_id = uuid5(NAMESPACE_URL, f"epass:printed:{number}")
    event = NotificationDelivered(
        message_id=message_id, application_id=application_id, purpose="pass_issued", channel="printed"
    )
    outbox.add(session, event, at=printed_at)
