"""The events of issuance and the job that signs the status list, a line each, with their handlers."""

from contracts import events
from services.chassis.db.providers import DatabaseProvider, SettingsProvider, every
from services.chassis.messaging.entrypoint import consumes
from services.issuance.handlers import passes, status_list


class Consumers:
    """Approvals become passes; withdrawals, closed days, cancellations and erasures end them."""

    name = "issuance-events"
    service = "issuance"
    db = DatabaseProvider()
    settings = SettingsProvider()

    on_pass_approved = consumes(events.PassApproved, passes.issue)
    on_approval_withdrawn = consumes(events.ApprovalWithdrawn, passes.withdraw)
    on_visit_day_closed = consumes(events.VisitDayClosed, passes.close_day)
    on_application_cancelled = consumes(events.ApplicationCancelled, passes.cancel)
    on_mobile_changed = consumes(events.MobileChanged, passes.change_mobile)
    on_correction_settled = consumes(events.CorrectionSettled, passes.correct)
    on_personal_data_erased = consumes(events.PersonalDataErased, passes.erase_personal_data)

    sign_status_list = every(status_list.LOOK_SECONDS, status_list.sign_when_due, eager=True)
