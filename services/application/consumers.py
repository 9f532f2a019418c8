"""Event entrypoints and scheduled jobs of application: each calls one handler."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import (
    ApprovalWithdrawn,
    DirectoryChanged,
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
from services.application.handlers import directory, event_handlers, scheduled_jobs
from services.chassis.db import batches
from services.chassis.messaging.entrypoint import subscribes, subscribes_together
from services.chassis.runtime.clock import now
from services.chassis.runtime.providers import DatabaseProvider, every


class Consumers:
    """Consumers of the events to which application subscribes, and its scheduled jobs."""

    name = "application-events"
    service = "application"
    db = DatabaseProvider()

    @subscribes(DirectoryChanged)
    def on_directory_changed(self, received: Received[DirectoryChanged], session: Session) -> None:
        directory.directory_changed(received, session)

    @subscribes(PassApproved)
    def on_pass_approved(self, received: Received[PassApproved], session: Session) -> None:
        event_handlers.handle_pass_approved(received, session)

    @subscribes(PassRejected)
    def on_pass_rejected(self, received: Received[PassRejected], session: Session) -> None:
        event_handlers.handle_pass_rejected(received, session)

    @subscribes(PassReturned)
    def on_pass_returned(self, received: Received[PassReturned], session: Session) -> None:
        event_handlers.handle_pass_returned(received, session)

    @subscribes(ApprovalWithdrawn)
    def on_approval_withdrawn(self, received: Received[ApprovalWithdrawn], session: Session) -> None:
        event_handlers.handle_approval_withdrawn(received, session)

    @subscribes(VisitDayClosed)
    def on_visit_day_closed(self, received: Received[VisitDayClosed], session: Session) -> None:
        event_handlers.handle_visit_day_closed(received, session)

    @subscribes(VisitDayReopened)
    def on_visit_day_reopened(self, received: Received[VisitDayReopened], session: Session) -> None:
        event_handlers.handle_visit_day_reopened(received, session)

    @subscribes(ReviewEscalated)
    def on_review_escalated(self, received: Received[ReviewEscalated], session: Session) -> None:
        event_handlers.handle_review_escalated(received, session)

    @subscribes(PassIssued)
    def on_pass_issued(self, received: Received[PassIssued], session: Session) -> None:
        event_handlers.handle_pass_issued(received, session)

    @subscribes(PassRevoked)
    def on_pass_revoked(self, received: Received[PassRevoked], session: Session) -> None:
        event_handlers.handle_pass_revoked(received, session)

    @subscribes(NotificationDelivered)
    def on_notification_delivered(self, received: Received[NotificationDelivered], session: Session) -> None:
        event_handlers.handle_notification_delivered(received, session)

    @subscribes(NotificationFailed)
    def on_notification_failed(self, received: Received[NotificationFailed], session: Session) -> None:
        event_handlers.handle_notification_failed(received, session)

    @subscribes_together(PassScanned)
    def on_pass_scanned(self, received: Sequence[Received[PassScanned]], session: Session) -> None:
        event_handlers.handle_passes_scanned(received, session)

    @every(interval=60)
    def expire_undecided(self) -> None:
        """Expire applications whose preferred windows have all passed."""
        self._in_batches(scheduled_jobs.expire_undecided)

    @every(interval=3600)
    def erase_ended(self) -> None:
        """Erase people after the retention time.

        Hourly: a daily timer never fires in a process that restarts each day.
        """
        self._in_batches(scheduled_jobs.erase_ended)

    @every(interval=60)
    def key_names(self) -> None:
        """Store the search keys of names that an older version stored."""
        self._in_batches(scheduled_jobs.key_names)

    def _in_batches(self, work: Callable[[Session, datetime], int]) -> None:
        batches.run(self.db, lambda session: work(session, now()), scheduled_jobs.BATCH)
