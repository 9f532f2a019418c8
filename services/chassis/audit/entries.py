"""Answers auditors: who looked at or did what, by actor, object and time; the newest first."""

from datetime import datetime, time
from uuid import UUID

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session

from contracts.errors import Forbidden
from contracts.model import IST
from contracts.rpc.audit import AuditEntries, AuditEntry, AuditQuestion
from contracts.rpc.call import Call
from services.chassis.db import cursors
from services.chassis.db.tables import audit_log


def list_entries(request: AuditQuestion, call: Call, session: Session, service: str) -> AuditEntries:
    """Return a page of the rows of a service.

    Raises:
        Forbidden: the principal is no auditor.
        InvalidInput: ``after`` is not one of our cursors.
    """
    if call.principal.role != "auditor":
        raise Forbidden("only auditors see who did what")
    table = audit_log.c
    wanted: list[ColumnElement[bool]] = []
    if request.actor is not None:
        wanted.append(table.actor == request.actor)
    if request.object is not None:
        wanted.append(table.objects.contains([request.object]))
    if request.first is not None:
        wanted.append(table.at >= datetime.combine(request.first, time.min, IST))
    if request.last is not None:
        wanted.append(table.at <= datetime.combine(request.last, time.max, IST))
    if request.after is not None:
        wanted.append(tuple_(table.at, table.id) < tuple_(*cursors.decode(request.after, UUID)))
    query = select(audit_log).where(*wanted).order_by(table.at.desc(), table.id.desc())
    rows = session.execute(query.limit(request.limit + 1)).all()
    page = rows[: request.limit]
    return AuditEntries(
        items=tuple(
            AuditEntry(
                id=row.id,
                service=service,
                at=row.at,
                actor=row.actor,
                role=row.role,
                action=row.action,
                objects=tuple(row.objects),
                result=row.result,
                address=row.address,
            )
            for row in page
        ),
        next=cursors.encode(page[-1].at, page[-1].id) if len(rows) > len(page) else None,
    )
