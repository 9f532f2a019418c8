"""What issuance hears, and the clock of the status list: parse, call one handler, return."""

from datetime import timedelta

from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import ApplicationCancelled, ApprovalWithdrawn, PassApproved, PersonalDataErased
from services.chassis.messaging.entrypoint import subscribes
from services.chassis.runtime.clock import now
from services.chassis.runtime.providers import OwnDatabase, every
from services.chassis.runtime.settings import settings
from services.issuance.handlers import issuing, status


class Consumers:
    """Approvals become passes; withdrawals, cancellations and erasures end them."""

    name = "issuance-events"
    service = "issuance"
    db = OwnDatabase()

    @subscribes(PassApproved)
    def on_pass_approved(self, received: Received[PassApproved], session: Session) -> None:
        issuing.issue_pass(received.event, session, now())

    @subscribes(ApprovalWithdrawn)
    def on_approval_withdrawn(self, received: Received[ApprovalWithdrawn], session: Session) -> None:
        issuing.withdraw_pass(received.event, session, now())

    @subscribes(ApplicationCancelled)
    def on_application_cancelled(self, received: Received[ApplicationCancelled], session: Session) -> None:
        issuing.cancel_pass(received.event, session, now())

    @subscribes(PersonalDataErased)
    def on_personal_data_erased(self, received: Received[PersonalDataErased], session: Session) -> None:
        issuing.erase_personal_data(received.event, session)

    @every(interval=settings().status_list_seconds, eager=True)
    def sign_status_list(self) -> None:
        """Also makes the first key, when the service starts for the first time."""
        with self.db.transaction() as session:
            status.sign_again(session, now(), timedelta(seconds=settings().status_list_seconds))
