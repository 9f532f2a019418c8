"""Reminders of visits, and what visitors say by the link of their pass."""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from contracts.errors import Conflict
from contracts.events import ReminderPersonal, VisitNear, VisitorAnswered
from contracts.model import IST, next_day
from contracts.rpc.call import Call, Nothing
from contracts.rpc.issuance import ANSWER_BY_LINK, AnswerByLink
from services.chassis.db.database import after_commit
from services.chassis.messaging import outbox
from services.chassis.rpc.idempotency import once
from services.issuance.domain.reminders import Reminder, reminders_of
from services.issuance.handlers import views
from services.issuance.metrics import REMINDERS
from services.issuance.models import PassRow
from services.issuance.settings import IssuanceSettings

BATCH = 100
ANSWERED_AFTER_VISIT = timedelta(days=7)
"""For how long after the visit its visitor may say whether they were met."""

MOST_ANSWERS = 10
"""So often a day whoever has the link of a pass says something else than before."""
UPGRADED = datetime.fromtimestamp(0, UTC)
"""``remind_at`` of a pass that the job has not looked at: what was due before is not late."""


def remind(session: Session, now: datetime, settings: IssuanceSettings) -> int:
    """Publish the reminders that are due; return of how many passes, at most BATCH.

    Each pass is looked at when its next reminder is due, and then once: its row says when the next one is.
    A pass that was revoked meanwhile has none, and one that is due too late is counted instead.
    """
    due = select(PassRow).where(PassRow.remind_at <= now).order_by(PassRow.remind_at).limit(BATCH)
    rows = session.scalars(due.with_for_update(skip_locked=True)).all()
    for row in rows:
        looked_for, row.remind_at = row.remind_at, None
        if row.revoked_at is not None or row.personal is None:
            continue
        for one in _reminders(row, settings):
            if one.at > now:
                row.remind_at = one.at
                break
            if now < one.until:
                outbox.add(session, _near(row, one), at=now)
                after_commit(session, REMINDERS.labels("published").inc)
            elif looked_for is not None and one.at >= looked_for > UPGRADED:
                after_commit(session, REMINDERS.labels("late").inc)
    return len(rows)


def answer_by_link(
    request: AnswerByLink, call: Call, session: Session, now: datetime, settings: IssuanceSettings
) -> Nothing:
    """Publish what whoever has the link says: whether they come, or whether they were met.

    The same again of one day is published once. Who says that they come is reminded of later days alone.

    Raises:
        NotFound: no pass has this link, or its people were erased.
        Conflict: ``pass_over``: the pass admits nobody any more; of the word after the visit, another pass
            has its place, or the visit was a week ago. ``several_days``: who does not come on one day of
            several has not cancelled the others. ``said_too_often``.
    """

    def effect() -> str:
        row = views.find_by_link(session, request)
        one, is_before = row.as_pass(), request.answer in ("coming", "not_coming")
        last = one.ends_at if is_before else one.ends_at + ANSWERED_AFTER_VISIT
        if one.revocation is not None or now >= last:
            raise Conflict("it is too late to say this", code="pass_over")
        if request.answer == "not_coming" and (one.visit.recurring or one.visit.further_days):
            raise Conflict("the pass is good on other days, too", code="several_days")
        session.refresh(row, with_for_update={"key_share": True})
        today = now.astimezone(IST).date()
        coming = next_day(row.valid_to, row.visit.slot.day, _days(row)[1:], now)
        of_day = [one for one in row.said or [] if one.startswith(f"{today} ")]
        word = f"{today} {request.answer} {coming}" if is_before else f"{today} {request.answer}"
        if of_day[-1:] == [word]:
            return ""
        if len(of_day) >= MOST_ANSWERS:
            raise Conflict("too much was said by this link", code="said_too_often")
        row.said = [*of_day, word]
        if is_before:
            later = (one.at for one in _reminders(row, settings) if coming and one.day > coming)
            row.remind_at = min((at for at in later if at > now), default=None)
        event = VisitorAnswered(
            pass_number=row.number,
            application_id=row.application_id,
            reference=row.reference,
            answer=request.answer,
        )
        outbox.add(session, event, at=now)
        return ""

    return once(
        session, call, f"issuance.{ANSWER_BY_LINK.name}", request, effect, lambda _: Nothing(), reference=str
    )


def _days(row: PassRow) -> tuple[date, ...]:
    """Return the days of which a visitor is reminded: of a standing pass the first alone."""
    return (row.visit.slot.day, *(() if row.visit.recurring else row.visit.further_days))


def _reminders(row: PassRow, settings: IssuanceSettings) -> list[Reminder]:
    start, evening_hour = row.visit.slot.start, settings.remind_evening_hour
    return reminders_of(_days(row), start, row.issued_at, evening_hour, settings.remind_hours_before)


def _near(row: PassRow, reminder: Reminder) -> VisitNear:
    assert row.personal is not None
    assert row.link_code is not None
    applicant, names = row.personal.applicant, ("site", "gate", "department", "officer")
    return VisitNear(
        pass_number=row.number,
        application_id=row.application_id,
        reference=row.reference,
        kind=reminder.kind,
        slot=row.visit.slot.model_copy(update={"day": reminder.day}),
        later_day=reminder.day != row.visit.slot.day,
        until=reminder.until,
        **{name: getattr(row.visit, name) for name in (*names, "language", "deliver_by")},
        personal=ReminderPersonal(
            mobile=applicant.mobile,
            email=applicant.email,
            id_type=applicant.id_type,
            link_code=row.link_code,
        ),
    )
