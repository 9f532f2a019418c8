"""The event entrypoints: parse, call one handler, return. And what happens by the clock."""

from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import (
    ApplicationAmended,
    ApplicationCancelled,
    ApplicationExpired,
    ApplicationSubmitted,
    PersonalDataErased,
)
from services.approval.handlers import applications, escalation
from services.chassis.messaging.entrypoint import subscribes
from services.chassis.runtime.clock import now
from services.chassis.runtime.providers import OwnDatabase, every


class Consumers:
    """approval, as events reach it."""

    name = "approval-events"
    service = "approval"
    db = OwnDatabase()

    @subscribes(ApplicationSubmitted)
    def on_application_submitted(self, received: Received[ApplicationSubmitted], session: Session) -> None:
        applications.application_stated(received, session)

    @subscribes(ApplicationAmended)
    def on_application_amended(self, received: Received[ApplicationAmended], session: Session) -> None:
        applications.application_stated(received, session)

    @subscribes(ApplicationCancelled)
    def on_application_cancelled(self, received: Received[ApplicationCancelled], session: Session) -> None:
        applications.application_cancelled(received, session)

    @subscribes(ApplicationExpired)
    def on_application_expired(self, received: Received[ApplicationExpired], session: Session) -> None:
        applications.application_expired(received, session)

    @subscribes(PersonalDataErased)
    def on_personal_data_erased(self, received: Received[PersonalDataErased], session: Session) -> None:
        applications.personal_data_erased(received, session)

    @every(interval=60)
    def escalate_waiting(self) -> None:
        """Calls out reviews that wait too long."""
        with self.db.transaction() as session:
            escalation.escalate_waiting(session, now())
