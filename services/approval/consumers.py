"""Event entrypoints and scheduled jobs of approval: each calls one handler."""

from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import (
    ApplicationAmended,
    ApplicationCancelled,
    ApplicationExpired,
    ApplicationSubmitted,
    MobileChanged,
    PassScanned,
    PersonalDataErased,
)
from services.approval.domain.working_time import is_open
from services.approval.handlers import closures, directory, event_handlers, numbers, scheduled_jobs, watchlist
from services.approval.metrics import SITE_OPEN, site_label
from services.approval.models import ImportRow
from services.chassis.db import batches, import_drafts
from services.chassis.db.destructive_jobs import by_clock_alone
from services.chassis.db.providers import DatabaseProvider, SettingsProvider, every
from services.chassis.db.retention import kept_since
from services.chassis.messaging.entrypoint import subscribes, subscribes_together
from services.chassis.runtime.clock import now


class Consumers:
    """Consumers of the events to which approval subscribes, and its scheduled jobs."""

    name = "approval-events"
    service = "approval"
    db = DatabaseProvider()
    settings = SettingsProvider()

    @subscribes(ApplicationSubmitted)
    def on_application_submitted(self, received: Received[ApplicationSubmitted], session: Session) -> None:
        event_handlers.handle_application_submitted(
            received, session, now(), furthest_days=self.settings.furthest_days
        )

    @subscribes(ApplicationAmended)
    def on_application_amended(self, received: Received[ApplicationAmended], session: Session) -> None:
        event_handlers.handle_application_submitted_or_amended(received, session)

    @subscribes(ApplicationCancelled)
    def on_application_cancelled(self, received: Received[ApplicationCancelled], session: Session) -> None:
        event_handlers.handle_application_cancelled(received, session)

    @subscribes(ApplicationExpired)
    def on_application_expired(self, received: Received[ApplicationExpired], session: Session) -> None:
        event_handlers.handle_application_expired(received, session)

    @subscribes(MobileChanged)
    def on_mobile_changed(self, received: Received[MobileChanged], session: Session) -> None:
        event_handlers.handle_mobile_changed(received, session)

    @subscribes_together(PassScanned)
    def on_pass_scanned(self, received: Sequence[Received[PassScanned]], session: Session) -> None:
        event_handlers.handle_passes_scanned(received, session)

    @subscribes(PersonalDataErased)
    def on_personal_data_erased(self, received: Received[PersonalDataErased], session: Session) -> None:
        event_handlers.handle_personal_data_erased(received, session)

    @every(interval=60)
    def escalate_waiting(self) -> None:
        """Escalate reviews whose visit comes near."""
        self._in_batches(scheduled_jobs.escalate_waiting)

    @every(interval=5)
    def ask_visitors_of_closed_days(self) -> None:
        """Ask visitors of closed days to choose another date, and tell them of those that were lifted."""
        batches.run(self.db, lambda session: closures.ask_visitors(session, now()), closures.BATCH)
        batches.run(self.db, lambda session: closures.tell_of_lifted(session, now()), closures.BATCH)

    @every(interval=60)
    def plan_visits(self) -> None:
        """Place reviews whose nearest preferred day has passed by their next one."""
        self._in_batches(scheduled_jobs.plan_visits)

    @every(interval=60)
    def key_names(self) -> None:
        """Store the search keys of names that an older version stored."""
        self._in_batches(scheduled_jobs.key_names)

    @every(interval=600, eager=True)
    def count_months(self) -> None:
        """Count the applications and decisions of the last months again."""
        with self.db.transaction() as session:
            numbers.count_months(session, now())

    @every(interval=60, eager=True)
    def show_open_sites(self) -> None:
        """Show which sites are open now."""
        with self.db.transaction() as session:
            sites = directory.sites(session).items
        SITE_OPEN.clear()  # a site that was removed is not open for ever
        for site in sites:
            SITE_OPEN.labels(site_label(site.code)).set(is_open(site, now()))

    @every(interval=3600, eager=True)
    def announce_directory(self) -> None:
        """Publish the whole directory once after an upgrade after which another service keeps more of it."""
        with self.db.transaction() as session:
            directory.announce(session, now())

    @every(interval=60, destroys=lambda _self, at: [watchlist.expired(at)])
    def end_watchlist_entries(self) -> None:
        """End entries of the watchlist whose last day has passed, one transaction per entry."""
        batches.run(self.db, lambda session: watchlist.end_expired(session, now()), 1)

    @every(interval=3600, eager=True)
    def renew_watchlist_traits(self) -> None:
        """Let entries be found whose traits another secret or another version made, one batch at a time."""
        last = None
        while True:
            with self.db.transaction() as session:
                last = watchlist.renew_traits(session, last, now())
            if last is None:
                return

    @every(interval=600, destroys=by_clock_alone)
    def purge(self) -> None:
        """Delete files that nobody can see, and notes of days that were closed long ago."""
        batches.run(self.db, lambda session: import_drafts.purge(session, ImportRow, now()))
        batches.run(self.db, lambda session: closures.forget_notes(session, now()))

    @every(interval=600, destroys=lambda self, at: [scheduled_jobs.old_reviews(self._kept_since(at))])
    def delete_old_reviews(self) -> None:
        """Delete reviews whose records are kept no longer."""
        before = self._kept_since(now())
        batches.run(
            self.db,
            lambda session: scheduled_jobs.delete_old_reviews(session, before),
            scheduled_jobs.BATCH,
        )

    def _kept_since(self, at: datetime) -> datetime:
        return kept_since(at, self.settings.records_kept_months)

    def _in_batches(self, work: Callable[[Session, datetime], int]) -> None:
        batches.run(self.db, lambda session: work(session, now()), scheduled_jobs.BATCH)
