"""The events of application and its jobs, a line each, with their handlers."""

from contracts import events
from services.application.handlers import (
    corrections,
    directory,
    event_handlers,
    photographs,
    requests,
    unlocked_sessions,
    visits,
)
from services.application.handlers import scheduled_jobs as jobs
from services.chassis.db.destructive_jobs import by_clock_alone
from services.chassis.db.providers import DatabaseProvider, SettingsProvider, every
from services.chassis.messaging.entrypoint import consumes, consumes_together


class Consumers:
    """Consumers of the events to which application subscribes, and its scheduled jobs."""

    name = "application-events"
    service = "application"
    db = DatabaseProvider()
    settings = SettingsProvider()

    on_directory_changed = consumes(events.DirectoryChanged, directory.directory_changed)
    on_pass_approved = consumes_together(events.PassApproved, event_handlers.handle_approved)
    on_visit_moved = consumes_together(events.VisitMoved, event_handlers.handle_moved)
    on_pass_rejected = consumes_together(events.PassRejected, event_handlers.handle_rejected)
    on_pass_returned = consumes_together(events.PassReturned, event_handlers.handle_returned)
    on_approval_withdrawn = consumes_together(events.ApprovalWithdrawn, event_handlers.handle_withdrawn)
    on_visit_day_closed = consumes_together(events.VisitDayClosed, event_handlers.handle_days_closed)
    on_visit_day_reopened = consumes_together(events.VisitDayReopened, event_handlers.handle_days_reopened)
    on_review_escalated = consumes_together(events.ReviewEscalated, event_handlers.handle_escalated)
    on_correction_settled = consumes_together(events.CorrectionSettled, corrections.handle_correction_settled)
    on_pass_issued = consumes_together(events.PassIssued, event_handlers.handle_issued)
    on_pass_revoked = consumes_together(events.PassRevoked, event_handlers.handle_revoked)
    on_notification_delivered = consumes_together(
        events.NotificationDelivered, event_handlers.handle_delivered
    )
    on_notification_failed = consumes_together(events.NotificationFailed, event_handlers.handle_failed)
    on_visitor_arrived = consumes_together(events.VisitorArrived, event_handlers.handle_arrived)
    on_visitor_called = consumes_together(events.VisitorCalled, event_handlers.handle_called)
    on_visit_ended = consumes_together(events.VisitEnded, event_handlers.handle_visits_ended)
    on_visitor_answered = consumes(events.VisitorAnswered, visits.hear_answer)
    on_question_answered = consumes(events.QuestionAnswered, visits.hear_reply)
    on_pass_scanned = consumes_together(events.PassScanned, event_handlers.handle_scanned)

    ask_whether_met = every(60, visits.ask_whether_met, rows=visits.BATCH, destroys=by_clock_alone)
    expire_undecided = every(60, jobs.expire_undecided, rows=jobs.BATCH, destroys=jobs.undecided)
    # hourly: a daily timer never fires in a process that restarts each day
    erase_ended = every(3600, jobs.erase_ended, rows=jobs.BATCH, destroys=jobs.ended)
    delete_photographs = every(3600, photographs.delete_old, rows=photographs.BATCH, destroys=photographs.old)
    delete_old_openings = every(3600, unlocked_sessions.delete_old, rows=jobs.BATCH, destroys=by_clock_alone)
    delete_old_requests = every(3600, requests.delete_old, rows=requests.BATCH, destroys=requests.old)
    measure_requests = every(60, requests.measure)
