"""Passes that did not arrive: the list of the reception of their site, and what the gates are told.

What makes a pass delivered or undelivered happens in several places, in one transaction each. One job finds
what has changed since the gates were told, so that none of these places has to.
"""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from contracts.errors import Forbidden
from contracts.events import PassDeliveryChanged
from contracts.rpc.call import Call
from contracts.rpc.notify import UndeliveredPass, UndeliveredPasses
from services.chassis.messaging import outbox

MOST = 50
BATCH = 200
_NOT_DELIVERED_SINCE = """not exists (
    select from messages as others
    where others.pass_number = messages.pass_number and others.purpose = messages.purpose
      and others.recipient is not distinct from messages.recipient
      and others.state in ('delivered', 'read')
  )"""
_STILL_UNDER_WAY = f"""printed_at is null and revoked_at is null and exists (
    select from messages
    where messages.pass_number = passes.number and messages.purpose = 'pass_issued'
      and messages.expires_at > :now and not messages.is_replaced
      and (messages.state in ('queued', 'accepted') or messages.next_at is not null)
      and {_NOT_DELIVERED_SINCE}
  )"""
_CHANGED = text(f"""
with undelivered as (
  select distinct passes.number
  from messages join passes on passes.number = messages.pass_number
  where messages.undelivered_at is not null and messages.expires_at > :now
    and passes.printed_at is null and passes.revoked_at is null and {_NOT_DELIVERED_SINCE}
), changed as (
  select number, true as is_so from undelivered
  where not exists (select from passes where passes.number = undelivered.number and told_undelivered)
  union all
  select number, false from passes
  where told_undelivered and number not in (select number from undelivered)
    and not ({_STILL_UNDER_WAY})
  order by number limit :most
)
update passes set told_undelivered = is_so
from changed, applications
where passes.number = changed.number and applications.id = passes.application_id
  and told_undelivered <> is_so
returning passes.number as pass_number, application_id, applications.reference,
  told_undelivered as undelivered
""")  # noqa: S608  made of constants
_UNDELIVERED = text("""
select applications.reference, passes.number as pass_number, messages.channel,
       messages.undelivered_at as since
from messages
join passes on passes.number = messages.pass_number
join applications on applications.id = messages.application_id
where messages.undelivered_at is not null and passes.site = coalesce(:site, passes.site)
  and printed_at is null
  and revoked_at is null and erased_at is null and coalesce(messages.expires_at > :now, true)
  and not exists (
    select from messages as others
    where others.pass_number = messages.pass_number and others.purpose = messages.purpose
      and others.recipient is not distinct from messages.recipient
      and (
        others.state in ('delivered', 'read') or others.state = 'queued' and others.undelivered_at is null
        or others.undelivered_at > messages.undelivered_at
      )
  )
order by messages.undelivered_at desc limit :most
""")


def list_here(call: Call, session: Session, now: datetime) -> UndeliveredPasses:
    """Return the passes of the caller's site that did not arrive and are neither printed nor over.

    A reception without a site sees those of all sites, as in its other lists.

    Raises:
        Forbidden: the caller is no reception.
    """
    principal = call.principal
    if principal.role != "reception":
        raise Forbidden("only reception sees which passes did not arrive")
    rows = session.execute(_UNDELIVERED, {"site": principal.site, "now": now, "most": MOST}).mappings()
    return UndeliveredPasses(items=tuple(UndeliveredPass(**row) for row in rows))


def tell_gates(session: Session, now: datetime) -> int:
    """Publish which passes no message has brought to anybody, and which one has since; return how many.

    A pass that is sent again, also to another number, stays undelivered until somebody has it. One that is
    over is so no more, and no gate asks.
    """
    changed = session.execute(_CHANGED, {"now": now, "most": BATCH}).mappings().all()
    for row in changed:
        outbox.add(session, PassDeliveryChanged(**row), at=now)
    return len(changed)
