"""Event entrypoints and scheduled jobs of application: each calls one handler."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import (
    ApprovalWithdrawn,
    DirectoryChanged,
    Event,
    NotificationDelivered,
    NotificationFailed,
    PassApproved,
    PassIssued,
    PassRejected,
    PassReturned,
    PassRevoked,
    PassScanned,
    ReviewEscalated,
    VisitDayClosed,
    VisitDayReopened,
)
from services.application.handlers import directory, event_handlers, openings, scheduled_jobs
from services.chassis.db import batches
from services.chassis.db.destructive_jobs import by_clock_alone
from services.chassis.db.providers import DatabaseProvider, every
from services.chassis.messaging.entrypoint import subscribes, subscribes_together
from services.chassis.runtime.clock import now

E = TypeVar("E", bound=Event)
Events = Sequence[Received[E]]


class Consumers:
    """Consumers of the events to which application subscribes, and its scheduled jobs."""

    name = "application-events"
    service = "application"
    db = DatabaseProvider()

    @subscribes(DirectoryChanged)
    def on_directory_changed(self, received: Received[DirectoryChanged], session: Session) -> None:
        directory.directory_changed(received, session)

    @subscribes_together(PassApproved)
    def on_pass_approved(self, received: Events[PassApproved], session: Session) -> None:
        event_handlers.handle_approved(received, session)

    @subscribes_together(PassRejected)
    def on_pass_rejected(self, received: Events[PassRejected], session: Session) -> None:
        event_handlers.handle_rejected(received, session)

    @subscribes_together(PassReturned)
    def on_pass_returned(self, received: Events[PassReturned], session: Session) -> None:
        event_handlers.handle_returned(received, session)

    @subscribes_together(ApprovalWithdrawn)
    def on_approval_withdrawn(self, received: Events[ApprovalWithdrawn], session: Session) -> None:
        event_handlers.handle_withdrawn(received, session)

    @subscribes_together(VisitDayClosed)
    def on_visit_day_closed(self, received: Events[VisitDayClosed], session: Session) -> None:
        event_handlers.handle_days_closed(received, session)

    @subscribes_together(VisitDayReopened)
    def on_visit_day_reopened(self, received: Events[VisitDayReopened], session: Session) -> None:
        event_handlers.handle_days_reopened(received, session)

    @subscribes_together(ReviewEscalated)
    def on_review_escalated(self, received: Events[ReviewEscalated], session: Session) -> None:
        event_handlers.handle_escalated(received, session)

    @subscribes_together(PassIssued)
    def on_pass_issued(self, received: Events[PassIssued], session: Session) -> None:
        event_handlers.handle_issued(received, session)

    @subscribes_together(PassRevoked)
    def on_pass_revoked(self, received: Events[PassRevoked], session: Session) -> None:
        event_handlers.handle_revoked(received, session)

    @subscribes_together(NotificationDelivered)
    def on_notification_delivered(self, received: Events[NotificationDelivered], session: Session) -> None:
        event_handlers.handle_delivered(received, session)

    @subscribes_together(NotificationFailed)
    def on_notification_failed(self, received: Events[NotificationFailed], session: Session) -> None:
        event_handlers.handle_failed(received, session)

    @subscribes_together(PassScanned)
    def on_pass_scanned(self, received: Events[PassScanned], session: Session) -> None:
        event_handlers.handle_scanned(received, session)

    @every(interval=60, destroys=lambda _self, at: [scheduled_jobs.undecided(at)])
    def expire_undecided(self) -> None:
        """Expire applications whose preferred windows have all passed."""
        self._in_batches(scheduled_jobs.expire_undecided)

    @every(interval=3600, destroys=lambda _self, at: [scheduled_jobs.ended(at)])
    def erase_ended(self) -> None:
        """Erase people after the retention time.

        Hourly: a daily timer never fires in a process that restarts each day.
        """
        self._in_batches(scheduled_jobs.erase_ended)

    @every(interval=3600, destroys=by_clock_alone)
    def delete_old_openings(self) -> None:
        """Delete openings of sessions that have ended, and tries that count no more."""
        self._in_batches(openings.delete_old)

    @every(interval=60)
    def key_names(self) -> None:
        """Store the search keys of names that an older version stored."""
        self._in_batches(scheduled_jobs.key_names)

    def _in_batches(self, work: Callable[[Session, datetime], int]) -> None:
        batches.run(self.db, lambda session: work(session, now()), scheduled_jobs.BATCH)
