"""Breaches of personal data: what is said about each, and to whom of the affected it was said.

`epass breach tell` hands in who is affected. Each is told once, by an event, as of anything else; so they are
told on their channels, with receipts and retries, and what cannot be delivered is counted like a pass.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from contracts.errors import Conflict, NotFound
from contracts.events import BreachNoticeRequested
from contracts.model import Contact
from contracts.rpc.breaches import NAME, Breach, BreachName, BreachTexts
from services.application.models import BreachNoticeRow, BreachRow
from services.chassis.audit.record import record_task
from services.chassis.db import deferred_writes, locks
from services.chassis.messaging import outbox

_NOTICES = BreachNoticeRow.metadata.tables["breach_notices"]
_FOUND = text("""
select found.*, exists (
  select from breach_notices where breach = :breach and reference = found.reference
) as is_told
from (
  select reference, case when locked_at is null then id end as application_id, language, mobile, email
  from applications
  where reference = any(:references) and erased_at is null
  union all
  select number, null, language, mobile, null from requests where number = any(:references)
) as found
where mobile is not null or email is not null order by reference
""")
"""Whoever can be told. Of the erased nothing is left by which anybody could.

Whose application is locked is told without it, like who has a request: notify sends nothing about it.
"""


def view(request: BreachName, session: Session) -> Breach:
    """Return what is said about a breach; everybody may read it.

    Raises:
        NotFound: nobody was told of such a breach.
    """
    name = request.name.strip().upper()
    row = session.get(BreachRow, name) if NAME.fullmatch(name) else None
    if row is None:
        raise NotFound("nobody was told of such a breach")
    return Breach(name=row.name, told_at=row.told_at, texts=BreachTexts.model_validate(row.texts))


def find(session: Session, breach: str, references: Sequence[str]) -> Sequence[RowMapping]:
    """Return of these applications and requests those whose person can be told, and whether they were."""
    return session.execute(_FOUND, {"breach": breach, "references": list(references)}).mappings().all()


def tell(
    session: Session, breach: str, texts: BreachTexts, references: Sequence[str], by: str, now: datetime
) -> int:
    """Tell those of these people who were not told of a breach yet; return how many.

    Raises:
        Conflict: others were told of it in other words.
    """
    locks.lock(session, f"breach {breach}")
    words = texts.model_dump()
    session.execute(insert(BreachRow).values(name=breach, texts=words, told_at=now).on_conflict_do_nothing())
    if session.get_one(BreachRow, breach).texts != words:
        raise Conflict("others were told of this breach in other words", code="other_words")
    told = [one for one in find(session, breach, references) if not one["is_told"]]
    if not told:
        return 0
    rows = []
    for one in told:
        notice = BreachNoticeRequested(
            breach=breach,
            reference=one["reference"],
            application_id=one["application_id"],
            language=one["language"],
            personal=Contact(mobile=one["mobile"], email=one["email"]),
        )
        event_id = outbox.add(session, notice, at=now)
        rows.append({"breach": breach, "reference": one["reference"], "event_id": event_id, "told_at": now})
    deferred_writes.insert(session, _NOTICES, rows)
    record_task(session, "affected_told", [by, breach, *(one["reference"] for one in told)], now)
    return len(told)
