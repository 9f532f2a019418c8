"""The events of notify and its jobs, a line each, with their handlers."""

from contracts import events
from services.chassis.db import batches
from services.chassis.db.destructive_jobs import by_clock_alone
from services.chassis.db.providers import DatabaseProvider, SettingsProvider, every
from services.chassis.messaging.entrypoint import consumes
from services.notify.handlers import directory, erasure, event_handlers, mobiles, undelivered


class Codes:
    """The consumer of one-time codes, which has its own workers because a person waits for each code."""

    name = "notify-codes"
    service = "notify"
    workers = "urgent"
    db = DatabaseProvider()

    on_otp_requested = consumes(events.OtpRequested, event_handlers.handle_otp_requested)


class Consumers:
    """The consumers of all other events, and the jobs that tell gates of passes and delete old messages."""

    name = "notify-events"
    service = "notify"
    db = DatabaseProvider()
    settings = SettingsProvider()

    on_directory_changed = consumes(events.DirectoryChanged, directory.handle_directory_changed)
    on_login_issued = consumes(events.LoginIssued, event_handlers.handle_login_issued)
    on_access_changed = consumes(events.AccessChanged, event_handlers.handle_access_changed)
    on_application_submitted = consumes(
        events.ApplicationSubmitted, event_handlers.handle_application_submitted
    )
    on_application_cancelled = consumes(
        events.ApplicationCancelled, event_handlers.handle_application_cancelled
    )
    on_application_expired = consumes(events.ApplicationExpired, event_handlers.handle_application_expired)
    on_mobile_changed = consumes(events.MobileChanged, mobiles.handle_mobile_changed)
    on_pass_rejected = consumes(events.PassRejected, event_handlers.handle_pass_rejected)
    on_pass_returned = consumes(events.PassReturned, event_handlers.handle_pass_returned)
    on_visit_day_closed = consumes(events.VisitDayClosed, event_handlers.handle_visit_day_closed)
    on_visit_day_reopened = consumes(events.VisitDayReopened, event_handlers.handle_visit_day_reopened)
    on_pass_issued = consumes(events.PassIssued, event_handlers.handle_pass_issued)
    on_pass_revoked = consumes(events.PassRevoked, event_handlers.handle_pass_revoked)
    on_review_escalated = consumes(events.ReviewEscalated, event_handlers.handle_review_escalated)
    on_place_offered = consumes(events.PlaceOffered, event_handlers.handle_place_offered)
    on_visitor_called = consumes(events.VisitorCalled, event_handlers.handle_visitor_called)
    on_visit_near = consumes(events.VisitNear, event_handlers.handle_visit_near)
    on_visitor_left = consumes(events.VisitorLeft, event_handlers.handle_visitor_left)
    on_visitor_announced = consumes(events.VisitorAnnounced, event_handlers.handle_visitor_announced)
    on_request_answered = consumes(events.RequestAnswered, event_handlers.handle_request_answered)
    on_breach_notice_requested = consumes(
        events.BreachNoticeRequested, event_handlers.handle_breach_notice_requested
    )
    on_personal_data_erased = consumes(events.PersonalDataErased, erasure.handle_personal_data_erased)

    tell_gates_of_undelivered_passes = every(2, undelivered.tell_gates, rows=undelivered.BATCH)
    delete_old_messages = every(3600, erasure.delete_old_messages, destroys=by_clock_alone)
    delete_old_records = every(
        3600, erasure.delete_old_records, rows=batches.ROWS, destroys=erasure.old_records
    )


CONTAINERS = (Codes, Consumers)
