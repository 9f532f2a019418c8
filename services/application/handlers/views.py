"""Rows as callers see them."""

from collections.abc import Collection, Iterable
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.model import ClosureReason, Person
from contracts.rpc.application import (
    ApplicationView,
    CorrectionView,
    HistoryLine,
    LookupHit,
    PassSummary,
    StatusView,
    TimelineEntry,
)
from contracts.visiting_rules import ClosedWish, closed_wishes
from services.application import models
from services.application.domain.status import current_pass, decision_in_force
from services.application.handlers.directory import place_of
from services.application.handlers.rows import facts_of, passes_of, person_of, slots_of

_CLOSURE_REASON: TypeAdapter[ClosureReason] = TypeAdapter(ClosureReason)
PRESENCE = frozenset({"entered", "left"})
"""What an application's status and timeline tell of the gate."""
INSIDE = PRESENCE | {"office_told", "visit_answered", "visit_ended", "visit_question"}
"""What a timeline tells of a visitor who came, who alone sees it besides staff of the site."""
TO_WHO_CAME = ("visitor_called", "visit_question")
"""Purposes of messages that only whoever came is sent."""
_CLOCKS_DIFFER = timedelta(days=1)
"""By more than services' clocks differ; the bounds let PostgreSQL read only the months of an application."""


def history_of(
    session: Session,
    rows: Iterable[models.ApplicationRow],
    opened: Collection[UUID],
    *,
    also_locked: bool = False,
) -> tuple[HistoryLine, ...]:
    """Return applications as the history of their applicant shows them: named only those that are open.

    Args:
        also_locked: whether those that are locked are named, too, for the data officer.
    """
    found = list(rows)
    passes = passes_of(session, [row.id for row in found])
    lines = []
    for row in found:
        is_open, known = row.id in opened, pass_summary_of(row, passes[row.id])
        if known is not None and not is_open:
            known = known.model_copy(update={"number": ""})
        is_named = is_open and (also_locked or row.locked_at is None)
        name, line = row.name if is_named else "", _line(session, row)
        lines.append(HistoryLine(**line, opened=is_open, name=name, slot=slots_of(row)[0], pass_=known))
    return tuple(lines)


def hits_of(
    session: Session, rows: Iterable[models.ApplicationRow], *, named: bool = True
) -> tuple[LookupHit, ...]:
    """Return applications as the counter sees them; those of another site, and locked ones, have no name."""
    found = list(rows)
    passes = passes_of(session, [row.id for row in found])
    hits = []
    for row in found:
        summary = pass_summary_of(row, passes[row.id])
        number = summary.number if summary else None
        asked = row.status == "submitted" and row.reception_asked_at is not None
        names = {"name": row.name, "name_latin": row.name_latin, "vehicle": row.vehicle}
        said = names if named and row.locked_at is None else {"name": "", "name_latin": ""}
        hits.append(LookupHit(**_line(session, row), **said, pass_number=number, reception_asked=asked))
    return tuple(hits)


def status_view_of(session: Session, row: models.ApplicationRow) -> StatusView:
    """Return what anyone may see who knows the reference and the last digits of the mobile.

    It does not tell whether, when or where the visitor came: only the applicant and staff see that.
    """
    return StatusView(
        reference=row.reference,
        status="issued" if row.status in PRESENCE else row.status,
        site=row.site,
        department=row.department,
        **_closed_day(session, row),
        timeline=tuple(entry for entry in timeline_of(session, row) if not _tells_of_presence(entry)),
    )


def view_for_applicant(session: Session, row: models.ApplicationRow) -> ApplicationView:
    """Return an application to its applicant, without the last characters of any ID card.

    One that is locked has no people for them either.
    """
    return view_without_cards(session, row) if row.locked_at is None else shortened_view_of(session, row)


def view_without_cards(session: Session, row: models.ApplicationRow) -> ApplicationView:
    """Return everything about an application but the last characters of any ID card."""
    full = view_of(session, row)
    correction = row.correction and CorrectionView.model_validate(row.correction)
    told = full.model_copy(update=_without_last_four(full))
    return told.model_copy(
        update={"correction": correction and correction.model_copy(update=_without_last_four(correction))}
    )


def _without_last_four(shown: ApplicationView | CorrectionView) -> dict[str, Any]:
    hidden = {"id_last4": None}
    companions = tuple(one.model_copy(update=hidden) for one in shown.companions)
    return {"applicant": shown.applicant.model_copy(update=hidden), "companions": companions}


def shortened_view_of(session: Session, row: models.ApplicationRow) -> ApplicationView:
    """Return what the reception of another site may see, and who may see one that is locked.

    That is where the visit is, and what was decided.
    """
    full = view_of(session, row)
    return full.model_copy(
        update={
            "status": "issued" if full.status in PRESENCE else full.status,
            "applicant": Person(name="", name_latin=""),
            "companions": (),
            "purpose": "",
            "vehicle": None,
            "assistance": None,
            "officer": None,
            "note": None,
            "timeline": tuple(entry for entry in full.timeline if not _tells_of_presence(entry)),
        }
    )


def view_of(session: Session, row: models.ApplicationRow) -> ApplicationView:
    """Return everything about an application, for the reception of its site."""
    passes = passes_of(session, [row.id])[row.id]
    decided = decision_in_force(facts_of(row, passes))
    wishes: tuple[ClosedWish, ...] = ()
    if row.status == "submitted":
        place = place_of(session, row.site, row.department)
        closed_days = place.department.closed_days if place.department else ()
        wishes = closed_wishes(slots_of(row), place.site, closed_days)
    return ApplicationView.from_attributes(
        row,
        correction=None,
        **_line(session, row),
        applicant=person_of(row),
        note=(row.note or None) if decided else None,
        reason=row.decision_reason if decided else None,
        closure_reason=_closure_reason(session, row) if decided else None,
        closed_wishes=wishes,
        timeline=timeline_of(session, row),
        pass_=pass_summary_of(row, passes),
        needs_photograph=row.weekly_until is not None and session.get(models.PhotographRow, row.id) is None,
    )


def _closure_reason(session: Session, row: models.ApplicationRow) -> ClosureReason | None:
    """Return why the day of the visit is closed; None where that was lifted, unless it is closed anew."""
    if row.closed_day is None or row.closure_reason:
        return row.closure_reason
    department = place_of(session, row.site, row.department).department
    anew = (one.reason for one in department.closed_days if one.day == row.closed_day) if department else ()
    return next(map(_CLOSURE_REASON.validate_python, anew), None)


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
        if happened.what in PRESENCE:
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
    return PassSummary.from_attributes(known)


def _tells_of_presence(entry: TimelineEntry) -> bool:
    return entry.what in INSIDE or entry.facts.get("purpose") in TO_WHO_CAME


def _line(session: Session, row: models.ApplicationRow) -> dict[str, Any]:
    names = ("reference", "status", "site", "department", "submitted_at", "locked_until")
    return {
        **{name: getattr(row, name) for name in names},
        "date": row.decided_day or slots_of(row)[0].day,
        "further_days": tuple(row.further_days),
        **_closed_day(session, row),
    }


def _closed_day(session: Session, row: models.ApplicationRow) -> dict[str, date | bool | None]:
    if row.closed_day is None or row.status == "submitted":
        return {"closed_day": None, "day_reopened": False}
    reopened = row.status == "returned" and _closure_reason(session, row) is None
    return {"closed_day": row.closed_day, "day_reopened": reopened}
