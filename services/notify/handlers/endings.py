"""The end of a chain: what is told and counted once a message has reached nobody on any of its channels.

A step that no vendor has accepted is not over. It went on because its vendor was away or slow; where no other
channel is left, it waits for that vendor again, as long as the message is of use. Reception is shown such a
pass. A vendor that was slow may have the message: then it is tried again as often as after other such tries.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from contracts.events import NotificationFailed
from services.chassis.db.database import after_commit
from services.chassis.messaging import outbox
from services.notify.domain.chains import ending_of
from services.notify.domain.outcomes import TRIED_FOR
from services.notify.metrics import CHAINS_ENDED

_MAY_WAIT = """
  from messages as waiting join messages as last using (event_id, purpose)
  where last.id = :id and waiting.state = 'failed'
    and waiting.reason in ('unconfirmed', 'provider_away', 'quota')
    and waiting.personal is not null and not waiting.is_replaced
    and coalesce(waiting.expires_at, waiting.created_at + :longest) > statement_timestamp()
    and not exists (
      select from messages as newer
      where newer.pass_number = waiting.pass_number and newer.purpose = waiting.purpose
        and newer.recipient = waiting.recipient and newer.created_at > waiting.created_at
        and (newer.next_at is not null or newer.state in ('queued', 'accepted', 'delivered', 'read'))
    )
    and not exists (
      select from messages as other
      where other.event_id = waiting.event_id and other.purpose = waiting.purpose
        and other.state in ('delivered', 'read')
    )
    and not (waiting.purpose = 'pass_issued' and exists (
      select from passes where number = waiting.pass_number and revoked_at is not null
    ))
"""
_WAIT_AGAIN = text(f"""
update messages set state = 'queued', reason = null, ended_at = null, next_at = null,
  undelivered_at = case when purpose = 'pass_issued' then statement_timestamp() end
where id = (
  select waiting.id {_MAY_WAIT}
  order by waiting.ended_at, waiting.step limit 1 for update of waiting skip locked
)
returning id
""")  # noqa: S608  made of constants
"""Of one pass for one person only the newest message waits, so that a vendor that is back sends it once.
The step goes that has waited longest: if its vendor is still away when its time is over, it is another's
turn. Rows that others have locked are passed by, since they are locked in the order of their IDs."""
_LOOK_AGAIN = text(f"""
update messages set next_at = statement_timestamp() + interval '1 second'
where id = :id and exists (select {_MAY_WAIT})
returning id
""")  # noqa: S608  made of constants
"""Others have locked all that may wait."""


def end_chain(
    session: Session, about: Mapping[str, Any], reason: str, now: datetime, *, may_wait: bool = True
) -> None:
    """Let a step wait again that no vendor was given; if there is none, publish and count the end.

    Args:
        session: the transaction in which the message failed.
        about: the message, its application, purpose and channel, as its events name them.
        reason: why it failed.
        may_wait: whether another channel may still reach the person.
    """
    given = {"id": about["message_id"], "longest": TRIED_FOR}
    if may_wait and any(session.execute(one, given).first() for one in (_WAIT_AGAIN, _LOOK_AGAIN)):
        return
    outbox.add(session, NotificationFailed(**about, reason=reason), at=now)
    if ending := ending_of(reason):
        after_commit(session, CHAINS_ENDED.labels(about["purpose"], ending).inc)
