"""A printed pass counts as delivered."""

from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.crockford import parse_pass_number
from contracts.errors import Forbidden, NotFound
from contracts.events import NotificationDelivered
from contracts.rpc.call import Call, Nothing
from contracts.rpc.issuance import PassNumber
from contracts.rpc.notify import RECORD_PRINT
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once
from services.notify.models import Pass


def record_print(request: PassNumber, call: Call, session: Session, at: datetime) -> Nothing:
    """Notes that the counter printed a pass; only the first print is said.

    A pass of which nothing was heard yet is remembered, and said when it is: the printer does not wait for a backlog.

    Raises:
        Forbidden: the principal is not reception.
        NotFound: this can be no pass number.
    """
    if call.principal.role != "reception":
        raise Forbidden("only reception prints passes")
    try:
        number = parse_pass_number(request.number)
    except ValueError:
        raise NotFound("there is no such pass") from None

    def effect() -> str:
        _print(session, number, at)
        return number

    return once(session, call, RECORD_PRINT.name, request, effect, lambda _number: Nothing())


def _print(session: Session, number: str, at: datetime) -> None:
    session.execute(insert(Pass).values(number=number).on_conflict_do_nothing())
    known = session.scalars(select(Pass).where(Pass.number == number).with_for_update()).one()
    if known.printed_at is not None:
        return
    session.execute(update(Pass).where(Pass.number == number).values(printed_at=at))
    if known.application_id is not None:
        say_printed(session, number, known.application_id, at)


def say_printed(session: Session, number: str, application_id: UUID, at: datetime) -> None:
    """Tells that the pass reached its holder on paper. The message id is the same however often it is computed."""
    message_id = uuid5(NAMESPACE_URL, f"epass:printed:{number}")
    event = NotificationDelivered(
        message_id=message_id, application_id=application_id, purpose="pass_issued", channel="printed"
    )
    outbox.add(session, event, at=at)
