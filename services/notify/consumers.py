"""Event entrypoints and scheduled jobs of notify: each calls one handler."""

from datetime import datetime

from sqlalchemy.orm import Session

from contracts import events
from contracts.envelope import Received
from services.chassis.db import batches
from services.chassis.db.destructive_jobs import by_clock_alone
from services.chassis.db.providers import DatabaseProvider, SettingsProvider, every
from services.chassis.db.retention import kept_since
from services.chassis.messaging.entrypoint import subscribes
from services.chassis.runtime.clock import now
from services.notify.handlers import (
    directory,
    erasure,
    event_handlers,
    mobiles,
    quotas,
    receipts,
    status_polls,
    undelivered,
)


class Codes:
    """The consumer of one-time codes, which has its own workers because a person waits for each code."""

    name = "notify-codes"
    service = "notify"
    workers = "urgent"
    db = DatabaseProvider()

    @subscribes(events.OtpRequested)
    def on_otp_requested(self, received: Received[events.OtpRequested], session: Session) -> None:
        event_handlers.handle_otp_requested(received, session, now())


class Consumers:
    """The consumers of all other events, and the jobs that tell gates of passes and delete old messages."""

    name = "notify-events"
    service = "notify"
    db = DatabaseProvider()
    settings = SettingsProvider()

    @subscribes(events.DirectoryChanged)
    def on_directory_changed(self, received: Received[events.DirectoryChanged], session: Session) -> None:
        directory.handle_directory_changed(received, session)

    @subscribes(events.LoginIssued)
    def on_login_issued(self, received: Received[events.LoginIssued], session: Session) -> None:
        event_handlers.handle_login_issued(received, session, now())

    @subscribes(events.AccessChanged)
    def on_access_changed(self, received: Received[events.AccessChanged], session: Session) -> None:
        event_handlers.handle_access_changed(received, session, now())

    @subscribes(events.ApplicationSubmitted)
    def on_application_submitted(
        self, received: Received[events.ApplicationSubmitted], session: Session
    ) -> None:
        event_handlers.handle_application_submitted(received, session, now(), self.settings.public_url)

    @subscribes(events.ApplicationCancelled)
    def on_application_cancelled(
        self, received: Received[events.ApplicationCancelled], session: Session
    ) -> None:
        event_handlers.handle_application_cancelled(received, session, now(), self.settings.public_url)

    @subscribes(events.ApplicationExpired)
    def on_application_expired(self, received: Received[events.ApplicationExpired], session: Session) -> None:
        event_handlers.handle_application_expired(received, session, now(), self.settings.public_url)

    @subscribes(events.MobileChanged)
    def on_mobile_changed(self, received: Received[events.MobileChanged], session: Session) -> None:
        mobiles.handle_mobile_changed(received, session, now())

    @subscribes(events.PassRejected)
    def on_pass_rejected(self, received: Received[events.PassRejected], session: Session) -> None:
        event_handlers.handle_pass_rejected(received, session, now(), self.settings.public_url)

    @subscribes(events.PassReturned)
    def on_pass_returned(self, received: Received[events.PassReturned], session: Session) -> None:
        event_handlers.handle_pass_returned(received, session, now(), self.settings.public_url)

    @subscribes(events.VisitDayClosed)
    def on_visit_day_closed(self, received: Received[events.VisitDayClosed], session: Session) -> None:
        event_handlers.handle_visit_day_closed(received, session, now(), self.settings.public_url)

    @subscribes(events.VisitDayReopened)
    def on_visit_day_reopened(self, received: Received[events.VisitDayReopened], session: Session) -> None:
        event_handlers.handle_visit_day_reopened(received, session, now(), self.settings.public_url)

    @subscribes(events.PassIssued)
    def on_pass_issued(self, received: Received[events.PassIssued], session: Session) -> None:
        event_handlers.handle_pass_issued(received, session, now(), self.settings.public_url)

    @subscribes(events.PassRevoked)
    def on_pass_revoked(self, received: Received[events.PassRevoked], session: Session) -> None:
        event_handlers.handle_pass_revoked(received, session, now(), self.settings.public_url)

    @subscribes(events.ReviewEscalated)
    def on_review_escalated(self, received: Received[events.ReviewEscalated], session: Session) -> None:
        event_handlers.handle_review_escalated(received, session, now(), self.settings.public_url)

    @subscribes(events.PersonalDataErased)
    def on_personal_data_erased(
        self, received: Received[events.PersonalDataErased], session: Session
    ) -> None:
        erasure.handle_personal_data_erased(received, session, now())

    @every(interval=2)
    def tell_gates_of_undelivered_passes(self) -> None:
        batches.run(self.db, lambda session: undelivered.tell_gates(session, now()), undelivered.BATCH)

    @every(interval=3600, destroys=by_clock_alone)
    def delete_old_messages(self) -> None:
        batches.run(self.db, lambda session: erasure.delete_old(session, now()))
        batches.run(self.db, lambda session: receipts.delete_old(session, now()))
        batches.run(self.db, lambda session: status_polls.delete_old(session, now()))
        with self.db.transaction() as session:
            quotas.delete_old(session)

    @every(interval=3600, destroys=lambda self, at: [erasure.old_records(self._kept_since(at))])
    def delete_old_records(self) -> None:
        before = self._kept_since(now())
        batches.run(self.db, lambda session: erasure.delete_old_records(session, before))

    def _kept_since(self, at: datetime) -> datetime:
        return kept_since(at, self.settings.records_kept_months)


CONTAINERS = (Codes, Consumers)
