"""Events that verify hears, and what it does by the clock: taking who stayed too long to have left."""

from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import PassIssued, PassRevoked, PersonalDataErased
from services.chassis.messaging.entrypoint import subscribes
from services.chassis.runtime.clock import now
from services.chassis.runtime.providers import OwnDatabase, every
from services.verify import handlers


class Consumers:
    """What the gate learns without being asked."""

    name = "verify-events"
    service = "verify"
    db = OwnDatabase()

    @subscribes(PassIssued)
    def on_pass_issued(self, received: Received[PassIssued], session: Session) -> None:
        handlers.note_issued(received, session, now())

    @subscribes(PassRevoked)
    def on_pass_revoked(self, received: Received[PassRevoked], session: Session) -> None:
        handlers.note_revoked(received, session, now())

    @subscribes(PersonalDataErased)
    def on_personal_data_erased(self, received: Received[PersonalDataErased], session: Session) -> None:
        handlers.forget_people(received, session)

    @every(interval=60)
    def assume_left(self) -> None:
        """A batch a transaction, until nobody is overdue."""
        closed = 1
        while closed:
            with self.db.transaction() as session:
                closed = handlers.close_overdue(session, now())

    @every(interval=300)
    def forget_tries(self) -> None:
        with self.db.transaction() as session:
            handlers.forget_tries(session, now())
