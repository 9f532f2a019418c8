"""What vendors allow: messages a second and a day, counted in the database for all senders together."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from services.notify.domain.quotas import Limits

_LOCK = text("""
insert into providers (name, second, used) values (:name, date_trunc('second', statement_timestamp()), 0)
on conflict (name) do update set
  used = case
    when providers.second = date_trunc('second', clock_timestamp()) then providers.used else 0
  end,
  second = date_trunc('second', clock_timestamp())
returning used, coalesce((
  select sum(hours.used) from provider_hours as hours
  where provider = :name and hour > date_trunc('hour', statement_timestamp()) - interval '24 hours'
), 0)
""")
"""The second is that in which the row was locked: the statement may have begun in an earlier one."""
_SPEND = text("""
with hours as (
  insert into provider_hours (provider, hour, used)
  values (:name, date_trunc('hour', statement_timestamp()), :number)
  on conflict (provider, hour) do update set used = provider_hours.used + excluded.used
)
update providers set used = used + :number where name = :name
""")
_GIVE_BACK = text("""
update provider_hours set used = greatest(used - :number, 0)
where provider = :name and hour = date_trunc('hour', statement_timestamp())
""")
_DELETE_OLD = text("delete from provider_hours where hour < statement_timestamp() - interval '2 days'")


@dataclass(frozen=True)
class Allowance:
    """How many messages may be given to a vendor now, and how many of its day are left."""

    now: int
    today: int | None


def reserve(session: Session, name: str, limits: Limits, most: int, *, urgent: bool) -> Allowance:
    """Lock the count of a vendor until the transaction ends, and return what is left of its limits.

    Other senders wait at this lock, so that they neither count the same messages nor lease them.
    """
    used, day = session.execute(_LOCK, {"name": name}).one()
    today = None if limits.per_day is None else max(limits.per_day - int(day), 0)
    return Allowance(limits.left(used, most, urgent=urgent), today)


def spend(session: Session, name: str, number: int) -> None:
    """Count messages that were leased for a vendor, before it is given any of them."""
    if number:
        session.execute(_SPEND, {"name": name, "number": number})


def give_back(session: Session, name: str, number: int) -> None:
    """Take messages off the count of the day that the vendor was not given. Their second is over."""
    session.execute(_GIVE_BACK, {"name": name, "number": number})


def delete_old(session: Session) -> None:
    """Delete the counts of hours that no limit looks at."""
    session.execute(_DELETE_OLD)
