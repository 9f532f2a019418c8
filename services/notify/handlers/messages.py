"""Storing of messages, and the locked rows that make the order of events irrelevant."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from contracts.model import DeliverBy, Language
from services.chassis.db import bulk, deferred_writes, wakeups
from services.chassis.db.database import idempotency_secret_of, personal_keys_of
from services.chassis.runtime.logs import correlation_id, traceparent
from services.notify.adapters.sealing import seal, unseal
from services.notify.adapters.wakeup_listener import CHANNEL, topic
from services.notify.domain.messages import FEWER_THAN, NOT_TO_APPLICANT, Draft, Lane, Personal, State
from services.notify.models import ApplicationRow, MessageRow

_MESSAGES = MessageRow.metadata.tables["messages"]
_HOLD_APPLICATION = """
insert into applications (id, reference, mobile_proved) values (:id, :reference, :proved)
on conflict (id) do update set reference = excluded.reference,
  mobile_proved = applications.mobile_proved or excluded.mobile_proved
"""
_LOCK_APPLICATION = text(f"""
{_HOLD_APPLICATION} returning erased_at is not null, mobile_sealed,
  (select name from departments where code = :department)
""")  # noqa: S608  made of constants
_LOCK_PASS = text(f"""
with application as ({_HOLD_APPLICATION} returning id, mobile_sealed, erased_at is not null as is_erased),
pass as (
  insert into passes (number, application_id, site) select :number, id, :site from application
  on conflict (number) do update set
    application_id = excluded.application_id, site = coalesce(excluded.site, passes.site)
  returning revoked_at, printed_at
)
select is_erased, mobile_sealed, revoked_at, printed_at from application, pass
""")  # noqa: S608  made of constants
"""The pass is locked after its application, because its row is made from that of the application."""
ALREADY_STORED = """exists (
  select from messages as earlier
  where earlier.pass_number = given.pass_number and earlier.purpose = given.purpose
)"""
"""For `store`: whether there is a message of this purpose about the pass."""
NEWER = """exists (
  select from messages as newer
  where newer.application_id = given.application_id and newer.purpose = given.purpose
    and newer.created_at > given.created_at
)"""
"""For `store`: whether there is a newer message of this purpose about the application."""

_SINCE = "and earlier.created_at > statement_timestamp() - interval '24 hours'"
"""The question is asked on each day of a visit, so what came on the days before does not count."""
_OF_THIS_DAY = """and earlier.created_at > coalesce((
    select max(before.created_at) from messages as before join messages as own
      on own.pass_number = given.pass_number and own.purpose = 'pass_issued'
    where before.application_id = given.application_id and before.purpose = 'pass_issued'
      and before.pass_number <> own.pass_number and before.created_at < own.created_at
  ), '-infinity')"""
"""What came with or before the pass that this one replaces does not count: the visit has another day now."""
_REMINDED = "+ count(distinct event_id) filter (where earlier.purpose = 'visit_reminder')"
"""A second reminder leaves room for a second answer of the office; one that nobody got does not count."""
ENOUGH = {
    purpose: f"""(
  select count(distinct (event_id, purpose)) {_REMINDED if purpose == "visit_reminder" else ""}
  from messages as earlier
  where earlier.application_id = given.application_id and earlier.resend_of is null
    and earlier.state not in ('withdrawn', 'not_needed')
    and (earlier.state not in ('failed', 'expired') or earlier.reason = 'unconfirmed')
    {_SINCE if purpose == "visit_question" else _OF_THIS_DAY}
    and earlier.purpose <> all(array[{", ".join(f"'{one}'" for one in NOT_TO_APPLICANT)}])
) >= {most}"""  # noqa: S608  made of constants
    for purpose, most in FEWER_THAN.items()
}
"""For `store`: whether the applicant has had so many messages that this one is left out."""


def recipient_digest(session: Session, address: str) -> str:
    """Return the keyed digest by which a person's messages are found; it does not tell the address."""
    secret = idempotency_secret_of(session)
    return hmac.new(secret, b"recipient " + address.encode(), hashlib.sha256).hexdigest()[:32]


@dataclass(frozen=True)
class KnownApplication:
    """What is known of an application so far, and the names of the department that was asked for."""

    is_erased: bool
    mobile_sealed: str | None
    department: Mapping[Language, str] | None


def lock_application(
    session: Session,
    application_id: UUID,
    reference: str,
    department: str | None = None,
    *,
    proved: bool = False,
) -> KnownApplication:
    """Insert or lock the application's row until the transaction ends; return what it holds.

    Args:
        proved: whether a code has proved the mobile of this application, which is remembered.
    """
    values = {"id": application_id, "reference": reference, "department": department, "proved": proved}
    return KnownApplication(*session.execute(_LOCK_APPLICATION, values).one())


@dataclass(frozen=True)
class KnownPass:
    """What is known of a pass and its application so far."""

    is_erased: bool
    mobile_sealed: str | None
    revoked_at: datetime | None
    printed_at: datetime | None


def lock_pass(
    session: Session, number: str, application_id: UUID, reference: str, site: str | None = None
) -> KnownPass:
    """Insert or lock a pass and its application until the transaction ends; return what their rows hold."""
    values = {"id": application_id, "reference": reference, "number": number, "site": site, "proved": False}
    return KnownPass(*session.execute(_LOCK_PASS, values).one())


def to_present_number(
    session: Session, draft: Draft, application_id: UUID, known: KnownApplication | KnownPass
) -> Draft:
    """Return a message to the number that the applicant has changed to, whatever its event says.

    The services that publish may learn of the change later than notify.
    """
    if known.mobile_sealed is None or draft.purpose in NOT_TO_APPLICANT:
        return draft
    return draft.to_number(unseal(application_id, known.mobile_sealed, personal_keys_of(session)).to)


def wake_sender(session: Session, lane: Lane, channel: DeliverBy) -> None:
    """Wake a sender of the channel after the commit, for a message that may be sent at once."""
    wakeups.wake(session, CHANNEL, topic(lane, channel))


def store(
    session: Session,
    event_id: UUID,
    draft: Draft,
    now: datetime,
    *,
    application_id: UUID | None = None,
    pass_number: str | None = None,
    withdrawn: bool = False,
    erased: bool = False,
    unless: str | None = None,
) -> bool:
    """Store a message unless this event has created one already. Its commit wakes a sender.

    Args:
        event_id: identifies the message together with its purpose.
        application_id: the application that it is about, if any.
        pass_number: the pass that it is about, if any.
        withdrawn: nobody should receive it any more; it is stored for the record.
        erased: nothing personal may be stored; the message is withdrawn.
        unless: a condition in SQL under which it is not stored (`bulk.insert_sql`). With one it is stored
            now, else at the end of the transaction.

    Returns:
        Whether the condition did not hold.
    """
    message_id = uuid4()
    personal = None if erased else draft.personal
    address = (personal.owner or personal.to) if personal else None
    state: State = "not_needed" if draft.route is None else "withdrawn" if withdrawn or erased else "queued"
    row: dict[str, Any] = {
        "id": message_id,
        "event_id": event_id,
        "purpose": draft.purpose,
        "lane": draft.lane,
        "channel": draft.route[0] if draft.route else draft.deliver_by,
        "step": 0,
        "recipient": recipient_digest(session, address) if address else None,
        "language": draft.language,
        "application_id": application_id,
        "pass_number": pass_number,
        "personal": seal(message_id, personal, personal_keys_of(session)) if personal else None,
        "email_sealed": seal(message_id, Personal(draft.other_email, None), personal_keys_of(session))
        if personal and draft.other_email
        else None,
        "state": state,
        "due_at": "now",  # the database's, as senders compare it with no other clock
        "attempts": 0,
        "possible_duplicates": 0,
        "correlation_id": correlation_id(),
        "traceparent": traceparent(),
        "created_at": now,
        "expires_at": draft.expires_at,
        "ended_at": None if state == "queued" else now,
    }
    if state == "queued":
        wake_sender(session, draft.lane, row["channel"])
    if unless is not None:
        return bool(bulk.insert_rows(session, _MESSAGES, [row], unless=unless))
    deferred_writes.insert(session, _MESSAGES, [row], skip_existing=True)
    return True


def pass_link(session: Session, application_id: UUID) -> str | None:
    """Return the short link of the newest message with a pass of an application; None where it is erased."""
    row = MessageRow
    theirs = (
        (row.application_id == application_id) & (row.purpose == "pass_issued") & row.personal.is_not(None)
    )
    found = session.scalars(select(row).where(theirs).order_by(row.created_at.desc()).limit(1)).first()
    if found is None or found.personal is None:
        return None
    return unseal(found.id, found.personal, personal_keys_of(session)).parameters.get("link")


def mobiles_of(session: Session, application_id: UUID) -> list[str | None]:
    """Return the mobiles of the applicant: the one that they changed to, else those of their messages.

    An escalation went to the duty contact, who is somebody else.
    """
    keys = personal_keys_of(session)
    changed = session.scalar(select(ApplicationRow.mobile_sealed).where(ApplicationRow.id == application_id))
    if changed is not None:
        return [unseal(application_id, changed, keys).to]
    about = select(MessageRow).where(
        MessageRow.application_id == application_id, MessageRow.purpose.not_in(NOT_TO_APPLICANT)
    )
    return [
        unseal(row.id, row.personal, keys).owner for row in session.scalars(about) if row.personal is not None
    ]
