"""The events of issuance, and the job that signs the status list: parse, call one handler, return."""

from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import (
    ApplicationCancelled,
    ApprovalWithdrawn,
    MobileChanged,
    PassApproved,
    PersonalDataErased,
    VisitDayClosed,
)
from services.chassis.db.providers import DatabaseProvider, SettingsProvider, every
from services.chassis.messaging.entrypoint import subscribes
from services.chassis.runtime.clock import now
from services.issuance.handlers import passes, status_list
from services.issuance.settings import IssuanceSettings


class Consumers:
    """Approvals become passes; withdrawals, closed days, cancellations and erasures end them."""

    name = "issuance-events"
    service = "issuance"
    db = DatabaseProvider()
    settings: IssuanceSettings = SettingsProvider()

    @subscribes(PassApproved)
    def on_pass_approved(self, received: Received[PassApproved], session: Session) -> None:
        passes.issue(received.event, session, now(), self.settings)

    @subscribes(ApprovalWithdrawn)
    def on_approval_withdrawn(self, received: Received[ApprovalWithdrawn], session: Session) -> None:
        passes.withdraw(received.event, session, now())

    @subscribes(VisitDayClosed)
    def on_visit_day_closed(self, received: Received[VisitDayClosed], session: Session) -> None:
        passes.close_day(received.event, session, now(), self.settings)

    @subscribes(ApplicationCancelled)
    def on_application_cancelled(self, received: Received[ApplicationCancelled], session: Session) -> None:
        passes.cancel(received.event, session, now())

    @subscribes(MobileChanged)
    def on_mobile_changed(self, received: Received[MobileChanged], session: Session) -> None:
        passes.change_mobile(received, session)

    @subscribes(PersonalDataErased)
    def on_personal_data_erased(self, received: Received[PersonalDataErased], session: Session) -> None:
        passes.erase_personal_data(received.event, session)

    @every("status_list_seconds", eager=True)
    def sign_status_list(self) -> None:
        """Sign the status list. The first call also makes the first key."""
        with self.db.transaction() as session:
            status_list.sign_when_due(session, now(), self.settings)
