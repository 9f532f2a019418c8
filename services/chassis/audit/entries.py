"""Answers auditors: who looked at or did what, by actor, object and time; the newest first.

Limits on what one login does count here, too: a row is there exactly if the command had its effect.
"""

import re
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, select, true, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from contracts.errors import Forbidden
from contracts.model import IST
from contracts.rpc.audit import AuditEntries, AuditEntry, AuditQuestion, Looker, Lookers, LookQuestion
from contracts.rpc.call import Call
from contracts.second_factor import require_fresh
from services.chassis.audit import refusals
from services.chassis.audit.record import (
    DONE,
    FORMS,
    REFRESHED,
    REPEATED,
    note_action,
    note_object,
    note_person,
)
from services.chassis.db import cursors
from services.chassis.db.tables import audit_log

MOST_LOOKERS = 50
"""Of each service; a page shows the first ten of all together."""
LOOK, EXPORT = "audit_entries", "export_audit"
"""What the log says that an auditor did: looked at a page of it, or made a file of it."""
PAGES_AN_HOUR = 100
"""So many looks at the log of a service show as many rows as a file may have."""
_NAME = re.compile(r"[\w:=-]+", re.ASCII)
"""What may be searched for: a login, the keyed name of an applicant, a reference, a number or an id."""


def list_entries(
    request: AuditQuestion,
    call: Call,
    session: Session,
    now: datetime,
    service: str,
    others: Iterable[AuditEntry] = (),
) -> AuditEntries:
    """Return a page of the rows of a service.

    Args:
        request: which rows.
        call: of an auditor.
        others: what the service has in another record, of the same question: one more than a page has.

    Raises:
        Forbidden: the principal is no auditor; or ``second_factor_stale``, where a file begins, and after
            `PAGES_AN_HOUR`.
        InvalidInput: ``after`` is not one of our cursors.
    """
    if call.principal.role != "auditor":
        raise Forbidden("only auditors see who did what")
    for name in (request.actor, request.object):
        if name is not None and _NAME.fullmatch(name):
            note_object(name)
    table = audit_log.c
    wanted = between(request, table.at, table.id)
    if request.actor is not None:
        wanted.append(table.actor == request.actor)
    if request.object is not None:
        wanted.append(table.objects.contains([request.object]))
    if request.actions:
        wanted.append(table.action.in_(request.actions))
    if request.refused:
        wanted.append(table.result.not_in((DONE, REPEATED, REFRESHED)))
    if request.export:
        note_action(EXPORT)
    if not request.export or request.after is None:
        note_person()
        seen = done_before(session, call.principal.login_id or "", LOOK, PAGES_AN_HOUR)
        if request.export or (seen is not None and now - seen < timedelta(hours=1)):
            require_fresh(call.principal, now)
    query = select(audit_log).where(*wanted).order_by(table.at.desc(), table.id.desc())
    found = [_entry_of(row, service) for row in session.execute(query.limit(request.limit + 1))]
    found = sorted([*found, *others], key=lambda one: (one.at, one.id), reverse=True)
    page = found[: request.limit]
    return AuditEntries(
        items=tuple(page), next=cursors.encode(page[-1].at, page[-1].id) if len(found) > len(page) else None
    )


def _entry_of(row: Row[Any], service: str) -> AuditEntry:
    times, addresses, objects = refusals.counted(row.objects)
    return AuditEntry.from_attributes(row, service=service, objects=objects, times=times, addresses=addresses)


def most_looks(request: LookQuestion, call: Call, session: Session) -> Lookers:
    """Return the logins whose looks here have shown most people since an instant, the most first.

    It reads the rows since then by the index of their time, and no earlier month.

    Raises:
        Forbidden: the principal is no auditor.
    """
    if call.principal.role != "auditor":
        raise Forbidden("only auditors see who looked at what")
    table = audit_log.c
    named = func.unnest(table.objects).table_valued("name").render_derived()
    counted = func.count(named.c.name.distinct())
    forms = (f"^({form.pattern})$" for form in FORMS.values())
    people = func.greatest(*(counted.filter(named.c.name.regexp_match(form)) for form in forms))
    query = (
        select(
            table.actor, table.role, func.count(table.id.distinct()).label("looks"), people.label("people")
        )
        .select_from(audit_log.outerjoin(named, true()))
        .where(table.at >= request.since, table.action.in_(request.actions))
        .where(table.result.in_((DONE, REFRESHED)))
        .group_by(table.actor, table.role)
        .order_by(people.desc(), func.count(table.id.distinct()).desc(), table.actor)
        .limit(MOST_LOOKERS)
    )
    return Lookers(items=tuple(Looker.from_attributes(row) for row in session.execute(query)))


def done_before(session: Session, actor: str, action: str, nth: int) -> datetime | None:
    """Return when somebody did something for the n-th last time with effect; None if they have not yet."""
    table = audit_log.c
    done = (table.actor == actor) & (table.action == action) & (table.result == DONE)
    newest = select(table.at).where(done).order_by(table.at.desc()).offset(nth - 1).limit(1)
    return session.scalar(newest)


def between(
    request: AuditQuestion,
    at: ColumnElement[datetime] | InstrumentedAttribute[datetime],
    key: ColumnElement[UUID] | InstrumentedAttribute[UUID],
) -> list[ColumnElement[bool]]:
    """Return the conditions that a row is of the days of a question, and after its cursor.

    Raises:
        InvalidInput: ``after`` is not one of our cursors.
    """
    wanted: list[ColumnElement[bool]] = []
    if request.first is not None:
        wanted.append(at >= datetime.combine(request.first, time.min, IST))
    if request.last is not None:
        wanted.append(at <= datetime.combine(request.last, time.max, IST))
    if request.after is not None:
        wanted.append(tuple_(at, key) < tuple_(*cursors.decode(request.after, UUID)))
    return wanted
