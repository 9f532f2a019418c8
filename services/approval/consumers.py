"""The events of approval and its jobs, a line each, with their handlers."""

from contracts import events
from services.approval.handlers import (
    announcements,
    closed_visits,
    corrections,
    directory,
    event_handlers,
    held_decisions,
    numbers,
    place_offers,
    standing,
    visit_words,
    waiting_list,
    watchlist_entries,
)
from services.approval.handlers import scheduled_jobs as jobs
from services.chassis.db.destructive_jobs import by_clock_alone
from services.chassis.db.providers import DatabaseProvider, SettingsProvider, every
from services.chassis.messaging.entrypoint import consumes, consumes_together


class Consumers:
    """Consumers of the events to which approval subscribes, and its scheduled jobs."""

    name = "approval-events"
    service = "approval"
    db = DatabaseProvider()
    settings = SettingsProvider()

    on_application_submitted = consumes(
        events.ApplicationSubmitted, event_handlers.handle_application_submitted
    )
    on_application_amended = consumes(
        events.ApplicationAmended, event_handlers.handle_application_submitted_or_amended
    )
    on_application_corrected = consumes(
        events.ApplicationCorrected, event_handlers.handle_application_submitted_or_amended
    )
    on_application_cancelled = consumes(
        events.ApplicationCancelled, event_handlers.handle_application_cancelled
    )
    on_application_expired = consumes(events.ApplicationExpired, event_handlers.handle_application_expired)
    on_mobile_changed = consumes(events.MobileChanged, event_handlers.handle_mobile_changed)
    on_pass_scanned = consumes_together(events.PassScanned, event_handlers.handle_passes_scanned)
    on_visitor_photographed = consumes(events.VisitorPhotographed, event_handlers.handle_visitor_photographed)
    on_visitor_said = consumes(events.VisitorSaid, visit_words.handle_visitor_said)
    on_question_answered = consumes(events.QuestionAnswered, place_offers.hear_reply)
    on_personal_data_erased = consumes(events.PersonalDataErased, event_handlers.handle_personal_data_erased)
    on_deciders_changed = consumes(events.DecidersChanged, directory.hear_deciders)

    let_decisions_go = every(
        held_decisions.LOOK_SECONDS, held_decisions.let_due_go, rows=held_decisions.BATCH
    )
    offer_places = every(waiting_list.LOOK_SECONDS, waiting_list.run, destroys=by_clock_alone)
    measure_places = every(60, waiting_list.measure, eager=True)
    escalate_waiting = every(60, jobs.escalate_waiting, rows=jobs.BATCH)
    escalate_visits = every(
        60, announcements.escalate_visits, rows=announcements.BATCH, destroys=by_clock_alone
    )
    ask_visitors_of_closed_days = every(5, closed_visits.ask_visitors, rows=closed_visits.BATCH)
    tell_visitors_of_lifted_days = every(5, closed_visits.tell_of_lifted, rows=closed_visits.BATCH)
    plan_visits = every(60, jobs.plan_visits, rows=jobs.BATCH)
    count_months = every(600, numbers.count_months, eager=True)
    measure_corrections = every(60, corrections.measure, eager=True)
    measure_standing_passes = every(60, standing.measure, eager=True)
    show_open_sites = every(60, jobs.show_open_sites, eager=True)
    show_unstaffed_departments = every(60, jobs.show_unstaffed_departments, eager=True)
    announce_directory = every(3600, directory.announce, eager=True)
    end_watchlist_entries = every(
        60, watchlist_entries.end_expired, rows=1, destroys=watchlist_entries.expired
    )
    renew_watchlist_traits = every(3600, watchlist_entries.renew_all_traits, eager=True)
    purge = every(600, jobs.purge, destroys=by_clock_alone)
    delete_old_reviews = every(600, jobs.delete_old_reviews, rows=jobs.BATCH, destroys=jobs.old_reviews)
