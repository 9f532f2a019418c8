"""Event entrypoints and scheduled jobs of verify: each calls one handler."""

from collections.abc import Sequence
from datetime import datetime
from typing import get_args

from sqlalchemy.orm import Session

from contracts.envelope import Received
from contracts.events import (
    DirectoryChanged,
    GateAdvised,
    LoginDisabled,
    PassDeliveryChanged,
    PassIssued,
    PassRevoked,
    PersonalDataErased,
    StatusListSigned,
)
from contracts.rpc.verify import SiteProblem
from services.chassis.db import batches
from services.chassis.db.destructive_jobs import Portion, by_clock_alone
from services.chassis.db.providers import DatabaseProvider, SettingsProvider, every
from services.chassis.messaging.entrypoint import subscribes
from services.chassis.runtime.clock import now
from services.verify.handlers import (
    event_handlers,
    help_calls,
    incidents,
    not_issued,
    number_tries,
    presence,
    previews,
    scan_records,
    supervisors,
)
from services.verify.metrics import GATE_CONFLICTS, NOT_ISSUED, SITES_UNGUARDED


class Consumers:
    """Events that build the gate's own copy of passes and gates, and the scheduled jobs."""

    name = "verify-events"
    service = "verify"
    db = DatabaseProvider()
    settings = SettingsProvider()

    @subscribes(DirectoryChanged)
    def on_directory_changed(self, received: Received[DirectoryChanged], session: Session) -> None:
        event_handlers.handle_directory_changed(received, session)

    @subscribes(PassIssued)
    def on_pass_issued(self, received: Received[PassIssued], session: Session) -> None:
        event_handlers.handle_pass_issued(
            received, session, now(), commitment_master=self.settings.commitment_master.get_secret_value()
        )

    @subscribes(PassRevoked)
    def on_pass_revoked(self, received: Received[PassRevoked], session: Session) -> None:
        for kind in event_handlers.handle_pass_revoked(received, session, now()):
            GATE_CONFLICTS.labels(kind).inc()

    @subscribes(StatusListSigned)
    def on_status_list_signed(self, received: Received[StatusListSigned], session: Session) -> None:
        master = self.settings.commitment_master.get_secret_value()
        for kind in event_handlers.handle_status_list_signed(
            received, session, now(), commitment_master=master
        ):
            GATE_CONFLICTS.labels(kind).inc()

    @subscribes(GateAdvised)
    def on_gate_advised(self, received: Received[GateAdvised], session: Session) -> None:
        event_handlers.handle_gate_advised(received, session)

    @subscribes(PassDeliveryChanged)
    def on_pass_delivery_changed(self, received: Received[PassDeliveryChanged], session: Session) -> None:
        event_handlers.handle_pass_delivery_changed(received, session)

    @subscribes(LoginDisabled)
    def on_login_disabled(self, received: Received[LoginDisabled], session: Session) -> None:
        supervisors.handle_login_disabled(received, session, now())

    @subscribes(PersonalDataErased)
    def on_personal_data_erased(self, received: Received[PersonalDataErased], session: Session) -> None:
        event_handlers.handle_personal_data_erased(received, session)

    @every(interval=60, destroys=by_clock_alone)
    def close_overdue_visits(self) -> None:
        """Close visits of parties that are presumed gone, which each evening may be all that are inside."""
        batches.run(self.db, lambda session: presence.close_overdue(session, now()), presence.BATCH)

    @every(interval=60, destroys=by_clock_alone)
    def give_up_calls_for_help(self) -> None:
        """Make incidents of calls for help that nobody has answered."""
        batches.run(self.db, lambda session: help_calls.give_up(session, now()), help_calls.BATCH)

    @every(interval=60, eager=True)
    def count_passes_that_nobody_issued(self) -> None:
        """Show how many passes were let in by a genuine token and never issued."""
        with self.db.transaction() as session:
            not_issued.begin_anew(session, now())
            NOT_ISSUED.set(not_issued.count(session, now(), self.settings.not_issued_after))

    @every(interval=60, eager=True)
    def find_sites_without_a_supervisor(self) -> None:
        """Show at which sites nobody can agree, or who is on the watchlist goes in without a supervisor."""
        with self.db.queries() as session:
            found = supervisors.list_sites(session, now())
        SITES_UNGUARDED.clear()  # a site that is gone has no problem
        for one in found:
            for problem in get_args(SiteProblem):
                SITES_UNGUARDED.labels(one.site, problem).set(one.problem == problem)

    @every(interval=300, destroys=by_clock_alone)
    def delete_old(self) -> None:
        """Delete tries and previews that count no more, and unrepeated nonces."""
        batches.run(self.db, lambda session: number_tries.delete_old(session, now()))
        batches.run(self.db, lambda session: previews.delete_old(session, now()))
        batches.run(self.db, lambda session: scan_records.delete_old_nonces(session, now()))

    @every(interval=300, destroys=lambda self, at: self._old_records(at))
    def delete_old_records(self) -> None:
        """Delete old incidents and calls."""
        months = self.settings.records_kept_months
        batches.run(self.db, lambda session: incidents.delete_old(session, now(), months))
        batches.run(self.db, lambda session: help_calls.delete_old(session, now(), months))

    def _old_records(self, at: datetime) -> Sequence[Portion]:
        months = self.settings.records_kept_months
        return incidents.old(at, months), help_calls.old(at, months)
