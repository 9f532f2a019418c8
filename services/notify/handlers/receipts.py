"""What vendors report: stored when it comes, and matched with the messages a moment later.

A report may come twice, out of order, or before the sender has recorded the vendor's ID of the message. So a
webhook only stores it. `apply_reports` finds the message, and looks again until it is there.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import exists, or_, select, text
from sqlalchemy.orm import Session

from contracts.events import NotificationDelivered
from services.chassis.db import bulk
from services.chassis.db.batches import delete_batch
from services.chassis.db.database import after_commit
from services.chassis.db.locks import try_lock
from services.chassis.db.upserts import put
from services.chassis.messaging import outbox
from services.chassis.runtime import logs
from services.notify.adapters.channels import DeliveryReport, InboundText
from services.notify.domain.chains import Chains, kind_of, wait_of
from services.notify.domain.messages import State, provider_id_digest
from services.notify.handlers.endings import end_chain
from services.notify.handlers.messages import recipient_digest
from services.notify.metrics import CHAINS_ENDED, RECEIPTS, UNKNOWN_OPT_OUTS
from services.notify.models import OF_NOBODY, DeliveryReportRow, MessageRow, OptOutRow

log = logs.logger(__name__)
_REPORTS = DeliveryReportRow.metadata.tables["delivery_reports"]
BATCH = 500
RETENTION = timedelta(days=3)
"""So long a report waits for its message, too."""
OLDEST = datetime(2020, 1, 1, tzinfo=UTC)
"""A report of an earlier time, or of a day ahead, has none: some vendors write a zero there."""
REPEATED_FOR = timedelta(days=8)
"""WhatsApp repeats a webhook for seven days, so an old STOP may come so long after a START."""
STOP_WORDS = frozenset({"stop", "unsubscribe", "ਬੰਦ", "ਬੰਦ ਕਰੋ", "बंद", "बंद करो", "बंद करें"})
START_WORDS = frozenset({"start", "ਸ਼ੁਰੂ", "शुरू"})
_IS_DUE = text("""
select statement_timestamp() where exists (
  select from delivery_reports
  where applied_at is null and received_at > statement_timestamp() - interval '3 days'
) or exists (select from messages where next_at <= statement_timestamp())
""")
_FIND = text("""
select reports.provider, reports.provider_id, reports.status, reports.at, reports.reason, reports.use_next,
       messages.id, messages.event_id, messages.purpose
from delivery_reports as reports join messages on messages.id = coalesce(
  (select id from messages as sent
   where sent.provider_id = reports.provider_id and sent.provider = reports.provider limit 1),
  reports.message_id
)
where reports.applied_at is null and reports.received_at > :since
order by reports.received_at limit :most
""")
_HOLD = text("""
select id, event_id, purpose, channel, state, reason, application_id, is_replaced, possible_duplicates,
  correlation_id, traceparent
from messages where (event_id, purpose) in (
  select event_id, purpose from messages where id = any(:ids)
) order by id for update
""")
_APPLIED = text("""
update delivery_reports set applied_at = :now from json_to_recordset(cast(:keys as json))
  as given(provider text, provider_id text, status text)
where delivery_reports.provider = given.provider and delivery_reports.provider_id = given.provider_id
  and delivery_reports.status = given.status
""")
_SETTLE = text("""
update messages set state = :state, reason = :reason, lease = null,
  ended_at = case when state = 'accepted' then cast(:now as timestamptz) else coalesce(ended_at, :now) end,
  provider = coalesce(provider, :provider), provider_id = coalesce(provider_id, :provider_id),
  next_at = statement_timestamp() + make_interval(secs => :next_wait),
  undelivered_at = case
    when :is_undelivered then statement_timestamp()
    when :state = 'failed' then undelivered_at
  end
where id = :id
""")
_END = text("""
update messages set next_at = null, undelivered_at = null,
  personal = case when lane = 'otp' then null else personal end,
  state = case when state = 'queued' and id <> :id then 'withdrawn' else state end,
  ended_at = coalesce(ended_at, case when state = 'queued' then cast(:now as timestamptz) end)
where event_id = :event_id and purpose = :purpose
""")
_CONFIRMED: dict[str, State] = {"sent": "accepted", "delivered": "delivered", "read": "read"}
_RANK: dict[str, int] = {"queued": 0, "accepted": 1, "delivered": 2, "read": 3}


def store_reports(session: Session, provider: str, reports: Iterable[DeliveryReport], now: datetime) -> None:
    """Store what a vendor reports; what is there already stays as it is."""
    store_all(session, [(provider, report) for report in reports], now)


def store_all(session: Session, reports: Iterable[tuple[str, DeliveryReport]], now: datetime) -> None:
    """Store what vendors report, with one statement, in an order in which no two block each other."""
    rows = [
        {
            "provider": provider,
            "provider_id": provider_id_digest(report.provider_id),
            "status": report.status,
            "message_id": report.message_id,
            "at": report.at if OLDEST < report.at < now + timedelta(days=1) else now,
            "reason": report.reason,
            "use_next": report.use_next,
            "received_at": now,
        }
        for provider, report in reports
    ]
    if rows:
        rows.sort(key=lambda row: (row["provider"], row["provider_id"], row["status"]))
        bulk.insert_rows(session, _REPORTS, rows)


def store_texts(session: Session, channel: str, texts: Iterable[InboundText], now: datetime) -> None:
    """Record who wants no messages on a channel any more, or wants them again.

    The newest word of a person counts: vendors repeat webhooks, and in any order. A number to which
    none of the messages went that are kept has nothing to stop, and leaves no row.
    """
    for one in filter(is_choice, texts):
        facts = {"at": min(one.at, now), "is_over": _words_of(one) in START_WORDS}
        recipient, about = _recipient_of(session, channel, one), channel
        if recipient is None:  # kept for a while, so that operations see it
            log.warning("nobody knows whose word this is", channel=channel)
            after_commit(session, UNKNOWN_OPT_OUTS.labels(channel).inc)
            recipient, about = recipient_digest(session, one.user), f"{channel}{OF_NOBODY}"
            facts["is_over"] = True
        elif not _is_known(session, recipient, about):  # anybody may write, and forge who writes an SMS
            after_commit(session, UNKNOWN_OPT_OUTS.labels(channel).inc)
            continue
        key = {"recipient": recipient, "about": about}
        put(session, OptOutRow, key, facts, OptOutRow.at < facts["at"])


def is_choice(one: InboundText) -> bool:
    """Return whether a text says that somebody wants no messages, or wants them again."""
    return _words_of(one) in STOP_WORDS | START_WORDS


def _words_of(one: InboundText) -> str:
    return one.text.strip().casefold().rstrip(".!।")


def _recipient_of(session: Session, channel: str, text: InboundText) -> str | None:
    """Return the digest of who wrote to us: of their number, else that of the message that they answer."""
    if text.sender is not None:
        return recipient_digest(session, text.sender)
    if text.answers is None:
        return None
    sent = provider_id_digest(text.answers)
    found = select(MessageRow.recipient).where(MessageRow.provider_id == sent, MessageRow.channel == channel)
    return session.scalars(found).first()


def _is_known(session: Session, recipient: str, about: str) -> bool:
    """Return whether we have a message to this number, or a word of its holder already."""
    sent = exists().where(MessageRow.recipient == recipient)
    said = exists().where(OptOutRow.recipient == recipient, OptOutRow.about == about)
    return bool(session.scalar(select(or_(sent, said))))


def due_work(session: Session) -> datetime | None:
    """Return the database's time if a report looks for its message, or a message for its next step."""
    found: datetime | None = session.execute(_IS_DUE).scalar_one_or_none()
    return found


def apply_reports(session: Session, chains: Chains, now: datetime, most: int = BATCH) -> int:
    """Give reports to their messages; return how many found theirs. One process at a time does it."""
    if not try_lock(session, "delivery reports"):
        return 0
    found = session.execute(_FIND, {"most": most, "since": now - RETENTION}).mappings().all()
    if not found:
        return 0
    rows = session.execute(_HOLD, {"ids": [report["id"] for report in found]}).mappings()
    held: dict[UUID, dict[str, Any]] = {row["id"]: dict(row) for row in rows}
    for report in found:
        message = held[report["id"]]
        with logs.context(correlation_id=message["correlation_id"], traceparent=message["traceparent"]):
            if message["is_replaced"]:
                _record(session, report, message, now)
            elif report["status"] == "failed":
                _fail(session, report, message, chains, now)
            else:
                _confirm(session, report, message, chains, now)
        after_commit(session, RECEIPTS.labels(report["provider"], report["status"]).inc)
    keys = [{name: report[name] for name in ("provider", "provider_id", "status")} for report in found]
    session.execute(_APPLIED, {"now": now, "keys": bulk.as_json(keys)})
    return len(found)


def _record(session: Session, report: Any, message: dict[str, Any], now: datetime) -> None:
    """Record what became of a message to a number that its applicant has changed since, and tell nobody."""
    state = _CONFIRMED.get(report["status"], "failed")
    if state == "failed":
        if message["state"] == "accepted":
            _settle(session, report, message, state, report["reason"] or "refused", now)
    elif _RANK[state] > _RANK.get(message["state"], 0):
        _settle(session, report, message, state, None, now)


def _confirm(session: Session, report: Any, message: dict[str, Any], chains: Chains, now: datetime) -> None:
    """Record that a message is under way, arrived or was read; then the chain does not go on."""
    state = _CONFIRMED[report["status"]]
    if _RANK[state] <= _RANK.get(message["state"], 0):
        return
    if state == "accepted":
        if message["state"] == "queued":  # the response to the last try was lost
            wait = wait_of(chains, message["purpose"], message["channel"])
            _settle(session, report, message, state, None, now, wait.total_seconds() if wait else None)
        return
    was_reached = _RANK.get(message["state"], 0) >= _RANK["delivered"]
    _settle(session, report, message, state, None, now)
    about = {"event_id": message["event_id"], "purpose": message["purpose"]}
    session.execute(_END, {**about, "id": message["id"], "now": now})
    if not was_reached:
        after_commit(session, CHAINS_ENDED.labels(message["purpose"], "reached").inc)
    is_repeat = message["possible_duplicates"] > 0
    event = NotificationDelivered(**_about(message), status=report["status"], possible_duplicate=is_repeat)
    outbox.add(session, event, at=min(report["at"], now))


def _fail(session: Session, report: Any, message: dict[str, Any], chains: Chains, now: datetime) -> None:
    """Record that a message will not arrive on its channel, unless it has arrived; let the chain go on."""
    if message["state"] not in ("queued", "accepted"):
        return
    has_gone_on = message["reason"] == "unconfirmed"
    goes_on = report["use_next"] and bool(chains.get(kind_of(message["purpose"])))
    is_last = not goes_on and not has_gone_on
    is_undelivered = is_last and message["purpose"] == "pass_issued"
    wait = 0 if goes_on and not has_gone_on else None
    reason = report["reason"] or "refused"
    _settle(session, report, message, "failed", reason, now, wait, is_undelivered=is_undelivered)
    if is_last:
        end_chain(session, _about(message), reason, now, may_wait=report["use_next"])


def _settle(
    session: Session,
    report: Any,
    message: dict[str, Any],
    state: State,
    reason: str | None,
    now: datetime,
    next_wait: float | None = None,
    *,
    is_undelivered: bool = False,
) -> None:
    message["state"], message["reason"] = state, reason
    given = {
        "id": message["id"],
        "state": state,
        "reason": reason,
        "now": now,
        "provider": report["provider"],
        "provider_id": report["provider_id"],
        "next_wait": next_wait,
        "is_undelivered": is_undelivered,
    }
    session.execute(_SETTLE, given)


def _about(message: dict[str, Any]) -> dict[str, Any]:
    return {
        "message_id": message["id"],
        "application_id": message["application_id"],
        "purpose": message["purpose"],
        "channel": message["channel"],
    }


def delete_old(session: Session, now: datetime) -> int:
    """Delete a batch of reports of some days ago, and of words of persons that changed their mind.

    Returns:
        How many rows of that table of which the most were deleted.
    """
    return max(
        delete_batch(session, DeliveryReportRow, DeliveryReportRow.received_at < now - RETENTION),
        delete_batch(session, OptOutRow, OptOutRow.is_over.is_(True), OptOutRow.at < now - REPEATED_FOR),
    )
