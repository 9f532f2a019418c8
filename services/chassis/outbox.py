"""An event is stored in the transaction of the state it tells of; the relay sends it afterwards, at least once."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.events import Event
from contracts.wire import wrap
from services.chassis.logs import correlation_id, traceparent
from services.chassis.personal import key_ring
from services.chassis.schema import event_sequences, outbox


def add(session: Session, event: Event, *, at: datetime, expires_at: datetime | None = None) -> UUID:
    """Puts an event into the outbox of the session's transaction.

    ``seq`` is the next number of the event's subject; the row lock it takes keeps two transactions on one subject
    apart until the first has ended.

    Args:
        session: the transaction that also holds the state change.
        event: what happened.
        at: when it happened.
        expires_at: from when on nobody needs to hear of it (a one-time code).

    Returns:
        The event's id.
    """
    event_id = uuid4()
    envelope = wrap(
        event,
        event_id=event_id,
        seq=1,
        occurred_at=at,
        keys=key_ring(),
        expires_at=expires_at,
        correlation_id=correlation_id(),
        traceparent=traceparent(),
    )
    numbered = insert(event_sequences).values(subject=envelope.subject, seq=1)
    numbered = numbered.on_conflict_do_update(index_elements=["subject"], set_={"seq": event_sequences.c.seq + 1})
    next_seq = numbered.returning(event_sequences.c.seq).cte("next_seq")
    row = envelope.model_dump(exclude={"seq", "data"})
    columns = [*row, "data", "seq"]
    values = [literal(value, outbox.c[name].type) for name, value in row.items()]
    source = select(*values, literal(envelope.data, outbox.c.data.type), next_seq.c.seq)
    session.execute(insert(outbox).from_select(columns, source))
    return event_id
