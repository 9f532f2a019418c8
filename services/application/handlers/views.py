"""Rows as callers see them."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.rpc.application import (
    ApplicationView,
    HistoryLine,
    LookupHit,
    PassSummary,
    StatusView,
    TimelineEntry,
)
from services.application import models
from services.application.domain.status import current_pass, decision_in_force
from services.application.handlers.rows import companions_of, facts_of, passes_of, person_of, slots_of

_CLOCKS_DIFFER = timedelta(days=1)
"""By more than services' clocks differ; the bounds let PostgreSQL read only the months of an application."""


def history_of(session: Session, rows: Iterable[models.ApplicationRow]) -> tuple[HistoryLine, ...]:
    """Return applications as the history of their applicant shows them."""
    found = list(rows)
    passes = passes_of(session, [row.id for row in found])
    return tuple(
        HistoryLine(
            **_line(row),
            name=row.name,
            slot=slots_of(row)[0],
            pass_=pass_summary_of(row, passes[row.id]),
        )
        for row in found
    )


def hits_of(session: Session, rows: Iterable[models.ApplicationRow]) -> tuple[LookupHit, ...]:
    """Return applications as the counter sees them."""
    found = list(rows)
    passes = passes_of(session, [row.id for row in found])
    hits = []
    for row in found:
        summary = pass_summary_of(row, passes[row.id])
        number = summary.number if summary else None
        asked = row.status == "submitted" and row.reception_asked_at is not None
        names = {"name": row.name, "name_latin": row.name_latin}
        hits.append(LookupHit(**_line(row), **names, pass_number=number, reception_asked=asked))
    return tuple(hits)


def status_view_of(session: Session, row: models.ApplicationRow) -> StatusView:
    """Return what anyone may see who knows the reference and the last digits of the mobile."""
    return StatusView(
        reference=row.reference,
        status=row.status,
        site=row.site,
        department=row.department,
        closed_day=_closed_day(row),
        timeline=timeline_of(session, row),
    )


def view_of(session: Session, row: models.ApplicationRow) -> ApplicationView:
    """Return everything that its applicant may see."""
    passes = passes_of(session, [row.id])[row.id]
    decided = decision_in_force(facts_of(row, passes))
    return ApplicationView(
        **_line(row),
        channel=row.channel,
        revision=row.revision,
        applicant=person_of(row),
        companions=companions_of(row),
        officer=row.officer,
        purpose_kind=row.purpose_kind,
        purpose=row.purpose,
        preferred=slots_of(row),
        vehicle=row.vehicle,
        assistance=row.assistance,
        language=row.language,
        deliver_by=row.deliver_by,
        note=(row.note or None) if decided else None,
        reason=row.decision_reason if decided else None,
        closure_reason=row.closure_reason if decided else None,
        timeline=timeline_of(session, row),
        pass_=pass_summary_of(row, passes),
    )


def timeline_of(session: Session, row: models.ApplicationRow) -> tuple[TimelineEntry, ...]:
    """Return the timeline, the earliest entry first.

    An exit that was scanned again, when nobody was inside any more, is left out: the first one counts.
    """
    entry = models.TimelineEntryRow
    entries = session.scalars(
        select(entry)
        .where(
            entry.application_id == row.id,
            entry.at.between(row.submitted_at - _CLOCKS_DIFFER, row.last_matters_at),
        )
        .order_by(entry.at, entry.event_id)
    )
    shown: list[TimelineEntry] = []
    all_left = False
    for happened in entries:
        if happened.what in ("entered", "left"):
            repeated = all_left and happened.what == "left"
            all_left = happened.what == "left" and happened.facts.get("inside") == 0
            if repeated:
                continue
        shown.append(TimelineEntry(at=happened.at, what=happened.what, facts=happened.facts))
    return tuple(shown)


def pass_summary_of(row: models.ApplicationRow, passes: list[models.PassRow]) -> PassSummary | None:
    """Return the current pass, if there is one."""
    counting = current_pass(facts_of(row, passes).passes)
    known = next((known for known in passes if counting and known.number == counting.number), None)
    if known is None:
        return None
    return PassSummary(
        number=known.number,
        valid_from=_instant(known.valid_from),
        valid_to=_instant(known.valid_to),
        further_days=tuple(known.further_days),
        revoked=known.revoked,
    )


def _line(row: models.ApplicationRow) -> dict[str, Any]:
    names = ("reference", "status", "site", "department", "submitted_at")
    return {
        **{name: getattr(row, name) for name in names},
        "date": row.decided_day or slots_of(row)[0].day,
        "further_days": tuple(row.further_days),
        "closed_day": _closed_day(row),
    }


def _closed_day(row: models.ApplicationRow) -> date | None:
    return row.closed_day if row.status != "submitted" else None


def _instant(instant: datetime | None) -> datetime:
    assert instant is not None, "an issued pass has its validity"
    return instant
