"""Passes that did not arrive, for the reception of their site."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from contracts.errors import Forbidden
from contracts.rpc.call import Call
from contracts.rpc.notify import UndeliveredPass, UndeliveredPasses

MOST = 50
_UNDELIVERED = text("""
select applications.reference, passes.number as pass_number, messages.channel,
       messages.undelivered_at as since
from messages
join passes on passes.number = messages.pass_number
join applications on applications.id = messages.application_id
where messages.undelivered_at is not null and passes.site = :site and printed_at is null
  and revoked_at is null and erased_at is null and coalesce(messages.expires_at > :now, true)
  and not exists (
    select from messages as others
    where others.pass_number = messages.pass_number and others.purpose = messages.purpose
      and others.recipient is not distinct from messages.recipient
      and (others.state in ('queued', 'delivered', 'read') or others.undelivered_at > messages.undelivered_at)
  )
order by messages.undelivered_at desc limit :most
""")


def list_here(call: Call, session: Session, now: datetime) -> UndeliveredPasses:
    """Return the passes of the caller's site that did not arrive and are neither printed nor over.

    Raises:
        Forbidden: the caller is no reception with a site.
    """
    principal = call.principal
    if principal.role != "reception" or principal.site is None:
        raise Forbidden("only reception sees which passes did not arrive")
    rows = session.execute(_UNDELIVERED, {"site": principal.site, "now": now, "most": MOST}).mappings()
    return UndeliveredPasses(items=tuple(UndeliveredPass(**row) for row in rows))
