"""Status polls: ask vendors that call no webhook what became of a message that they accepted.

A final answer is stored as a report, like one that came by webhook, and `receipts.apply_reports` matches it
with its message. A vendor is asked again after twice the time, until the answer is final or a day is over
(a quarter of an hour for a code). The next time is set before the vendor is asked, so that only one of
several senders asks.
"""

import threading
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from services.chassis.db.availability import run_when_available
from services.chassis.db.batches import delete_batch
from services.chassis.db.database import Database
from services.chassis.runtime import logs
from services.notify.adapters.channels import PermanentChannelError, ReportService, TemporaryChannelError
from services.notify.adapters.channels.faults import contained
from services.notify.handlers import receipts
from services.notify.metrics import STATUS_POLLS
from services.notify.models import StatusPollRow

log = logs.logger(__name__)
FIRST_SECONDS = 10
"""From a message to the first poll; codes go on to another channel after 45 s."""
LONGEST_SECONDS = 3600
ASKED_FOR = timedelta(days=1)
IDLE_SECONDS = 1.0
PAUSE_SECONDS = 15.0
"""How long a thread waits after a poll that was not answered."""
_STORE = text("""
insert into status_polls (message_id, provider, provider_id, is_urgent, ask_at, stored_at)
select
  id, :provider, :provider_id, :is_urgent,
  statement_timestamp() + make_interval(secs => :first), statement_timestamp()
from messages where id = :message_id and not exists (
  select from applications where id = application_id and erased_at is not null
)
on conflict (message_id) do nothing
""")
_TAKE = text("""
update status_polls set asked = asked + 1,
  ask_at = statement_timestamp() + make_interval(secs => least(:first * 2 ^ (asked + 1), :longest))
where message_id = (
  select message_id from status_polls
  where provider = :provider and ask_at <= statement_timestamp()
    and not (is_urgent and stored_at <= :now - interval '15 minutes')
  order by is_urgent desc, ask_at limit 1 for update skip locked
)
returning message_id, provider_id
""")


def store(session: Session, message_id: UUID, provider: str, provider_id: str, *, is_urgent: bool) -> None:
    """Store that a vendor is asked about a message, by its own ID of it, unless that was erased meanwhile."""
    given = {"message_id": message_id, "provider": provider, "provider_id": provider_id}
    session.execute(_STORE, {**given, "is_urgent": is_urgent, "first": FIRST_SECONDS})


def ask(database: Database, service: ReportService, now: datetime, stop: threading.Event) -> float:
    """Ask a vendor about one message, codes first; return after how many seconds to ask again.

    No transaction is open during the call.

    Raises:
        Stopping: the process stops while the database is away.
    """
    given = {"provider": service.name, "first": FIRST_SECONDS, "longest": LONGEST_SECONDS, "now": now}
    poll = run_when_available(
        database,
        lambda session: session.execute(_TAKE, given).one_or_none(),
        part="status_polls",
        also_when_busy=True,
        as_query=True,
        stop=stop,
    )
    if poll is None:
        return IDLE_SECONDS
    try:
        report = contained(service.name, service.ask, poll.provider_id)
    except (TemporaryChannelError, PermanentChannelError) as error:
        STATUS_POLLS.labels(service.name, error.reason).inc()
        log.warning(
            "a vendor does not say what became of a message", provider=service.name, reason=error.reason
        )
        return PAUSE_SECONDS
    STATUS_POLLS.labels(service.name, report.status if report else "nothing").inc()
    if report is not None:
        told = replace(report, message_id=poll.message_id)

        def settle(session: Session) -> None:
            receipts.store_reports(session, service.name, [told], now)
            forget(session, [poll.message_id])

        run_when_available(database, settle, part="status_polls", also_when_busy=True, stop=stop)
    return 0


def forget(session: Session, messages: Iterable[UUID]) -> None:
    """Ask nothing more about messages."""
    session.execute(delete(StatusPollRow).where(StatusPollRow.message_id.in_(list(messages))))


def delete_old(session: Session, now: datetime) -> int:
    """Delete a batch of polls that got no final answer in a day; return how many."""
    return delete_batch(session, StatusPollRow, StatusPollRow.stored_at < now - ASKED_FOR)
