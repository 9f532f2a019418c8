"""The events of issuance and the job that signs the status list, a line each, with their handlers."""

from contracts import events
from services.chassis.db.destructive_jobs import by_clock_alone
from services.chassis.db.providers import DatabaseProvider, SettingsProvider, every
from services.chassis.messaging.entrypoint import consumes
from services.issuance.handlers import passes, reminders, status_list


class Consumers:
    """Approvals become passes; withdrawals, closed days, cancellations and erasures end them."""

    name = "issuance-events"
    service = "issuance"
    db = DatabaseProvider()
    settings = SettingsProvider()

    on_pass_approved = consumes(events.PassApproved, passes.issue)
    on_visit_moved = consumes(events.VisitMoved, passes.move)
    on_approval_withdrawn = consumes(events.ApprovalWithdrawn, passes.withdraw)
    on_visit_day_closed = consumes(events.VisitDayClosed, passes.close_day)
    on_application_cancelled = consumes(events.ApplicationCancelled, passes.cancel)
    on_mobile_changed = consumes(events.MobileChanged, passes.change_mobile)
    on_correction_settled = consumes(events.CorrectionSettled, passes.correct)
    on_standing_pass_changed = consumes(events.StandingPassChanged, passes.switch)
    on_personal_data_erased = consumes(events.PersonalDataErased, passes.erase_personal_data)

    remind_visitors = every(60, reminders.remind, rows=reminders.BATCH, destroys=by_clock_alone)
    sign_status_list = every(status_list.LOOK_SECONDS, status_list.sign_when_due, eager=True)
