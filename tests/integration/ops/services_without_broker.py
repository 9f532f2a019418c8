"""The six services on real databases without a broker."""

from collections.abc import Collection, Iterator
from datetime import datetime
from functools import partial
from importlib import import_module
from threading import Event as Flag
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, text, update

from contracts.envelope import Envelope
from contracts.model import IST, Slot
from contracts.rpc.application import ReferenceOnly
from contracts.rpc.approval.decisions import Approve, Reject, Return, Withdraw
from contracts.rpc.approval.visits import EndVisit
from contracts.rpc.call import Call, Principal
from contracts.rpc.issuance import PassNumber
from contracts.rpc.verify.scans import ScanPass, ScanResult
from contracts.subscriptions import subscriptions
from deploy.local.smoke_journey import next_slot
from services.application.handlers import applications
from services.approval.handlers import decisions, directory, visits
from services.chassis.db.tables import outbox
from services.chassis.runtime.clock import now
from services.issuance.handlers import status_list
from services.notify.handlers import prints
from services.verify.handlers import scans
from tests.support.factories.application import counter_form, department, form, reception_call, site
from tests.support.factories.approval import by, desk
from tests.support.factories.calls import make_call
from tests.support.factories.envelopes import deliver, entrypoint_of
from tests.support.factories.notify import OPTIONS, RecordingChannel, SteppedSender
from tests.support.factories.verify import MATCHED, SETTINGS, calling, officer
from tests.support.stack.databases import Databases, owner_of
from tests.support.stack.settings import make_settings

MOBILE = "+919876543210"
GATE = "S1-G1"


class ServicesWithoutBroker:
    """All use cases from the application to the gate; ``deliver_all`` replaces the relay and the broker."""

    def __init__(self, databases: Databases) -> None:
        self.databases = databases
        self.window: dict[str, Any] = next_slot(datetime.now(IST)).model_dump(mode="json")
        self._consumers: dict[str, Any] = {}
        for service in databases:
            databases[service]
        for service in {subscription.service for subscription in subscriptions()}:
            self._consumers[service] = import_module(f"services.{service}.consumers").Consumers()
            self._consumers[service].db = databases[service]
            self._consumers[service].settings = make_settings(
                getattr(import_module(f"services.{service}.settings"), f"{service.capitalize()}Settings")
            )
        always = [
            {"weekday": day, "opens": "00:00", "closes": "23:59", "valid_from": "2026-01-01"}
            for day in range(7)
        ]
        with databases["approval"].transaction() as session:
            directory.put_site(session, site(hours=always, closed_days=()), now())
            directory.put_department(session, department(), now())
        self.deliver_all()

    def deliver_all(self, without: Collection[str] = ()) -> None:
        """Deliver every published event to all its consumers, and what they publish, too.

        Verify does not get events of the types in ``without``: they are lost.
        """
        while envelopes := [envelope for service in self.databases for envelope in self._take(service)]:
            for envelope in envelopes:
                for subscription in subscriptions():
                    is_lost = subscription.service == "verify" and envelope.type in without
                    if subscription.event.__name__ == envelope.type and not is_lost:
                        self.deliver(subscription.service, envelope)

    def deliver(self, service: str, envelope: Envelope) -> None:
        deliver(getattr(self._consumers[service], entrypoint_of(envelope)), envelope)

    def _take(self, service: str) -> Iterator[Envelope]:
        with self.databases[service].transaction() as session:
            rows = (
                session.execute(select(outbox).where(outbox.c.sent_at.is_(None)).order_by(outbox.c.position))
                .mappings()
                .all()
            )
        with owner_of(self.databases[service]).transaction() as owner:
            owner.execute(update(outbox).values(sent_at=now()))
        yield from (Envelope.model_validate(dict(row)) for row in rows)

    def apply(self) -> str:
        """Apply; return the reference."""
        with self.databases["application"].transaction() as session:
            return applications.submit(
                form(preferred=[self.window]),
                self.citizen(),
                session,
                now(),
                furthest_days=30,
                rate_limits=False,
            ).reference

    def apply_and_deliver(self) -> str:
        """Apply, and deliver the application to its department."""
        reference = self.apply()
        self.deliver_all()
        return reference

    def apply_at_counter(self) -> str:
        """Apply for a visitor without a mobile, whose pass is printed."""
        with self.databases["application"].transaction() as session:
            return applications.submit_at_counter(
                counter_form(preferred=[self.window]), reception_call(), session, now(), furthest_days=30
            ).reference

    def cancel(self, reference: str) -> None:
        with self.databases["application"].transaction() as session:
            applications.cancel(ReferenceOnly(reference=reference), self.citizen(), session, now())

    def approve(self, reference: str) -> None:
        slot = Slot.model_validate(self.window)
        approve = partial(decisions.approve, furthest_days=30)
        self._decide(approve, Approve(review_id=self.review_of(reference), slot=slot))

    def approved(self) -> str:
        """Apply and approve, and deliver the pass; return the reference."""
        self.approve(reference := self.apply_and_deliver())
        self.deliver_all()
        return reference

    def sign_status_list(self, at: datetime | None = None) -> None:
        """Sign the list of revoked passes, and deliver it."""
        with self.databases["issuance"].transaction() as session:
            status_list.sign_when_due(session, at or now(), self._consumers["issuance"].settings)
        self.deliver_all()

    def reject(self, reference: str) -> None:
        self._decide(decisions.reject, Reject(review_id=self.review_of(reference), reason="security"))

    def send_back(self, reference: str) -> None:
        self._decide(
            decisions.return_to_applicant, Return(review_id=self.review_of(reference), note="Which file?")
        )

    def withdraw(self, reference: str) -> None:
        self._decide(
            decisions.withdraw, Withdraw(review_id=self.review_of(reference), reason="officer_unavailable")
        )

    def _decide(self, decision: Any, request: Any) -> None:
        with self.databases["approval"].transaction() as session:
            decision(request, by(desk("home")), session, now())

    def send_messages(self, channel: RecordingChannel | None = None) -> None:
        """Hand every message that is due to its channel."""
        channel = channel or RecordingChannel()
        sender = SteppedSender(
            self.databases["notify"], dict.fromkeys(("sms", "whatsapp", "email"), channel), OPTIONS, Flag()
        )
        while sender.send_due():
            pass

    def print_pass(self, number: str) -> None:
        with self.databases["notify"].transaction() as session:
            prints.record_print(PassNumber(number=number), reception_call(), session, now())

    def scan(
        self, number: str, direction: str = "entry", count: int | None = None, at: datetime | None = None
    ) -> ScanResult:
        facts = {
            "pass_number": number,
            "gate": GATE,
            "nonce": uuid4().hex,
            "direction": direction,
            "count": count,
        }
        request = ScanPass(**facts, id_check=MATCHED if direction == "entry" else None)
        with self.databases["verify"].transaction() as session:
            caller = calling(officer(site="S1", gate=GATE))
            return scans.scan_in_transaction(request, caller, session, at or now(), SETTINGS)

    def end_visit(self, reference: str, outcome: str, reason: str | None = None) -> None:
        """Let the office say whether a visitor who has come was met."""
        self._decide(
            visits.end, EndVisit(review_id=self.review_of(reference), outcome=outcome, reason=reason)
        )

    def citizen(self) -> Call:
        return make_call(
            Principal(kind="applicant", id=f"applicant:{MOBILE}", mobile=MOBILE, sid=UUID(int=1))
        )

    def review_of(self, reference: str) -> UUID:
        return self._one("approval", "select id from reviews where reference = :key", reference)

    def pass_of(self, reference: str) -> str:
        return self._one(
            "issuance", "select number from passes where reference = :key and revoked_at is null", reference
        )

    def _one(self, service: str, query: str, key: str) -> Any:
        with self.databases[service].transaction() as session:
            return session.execute(text(query), {"key": key}).scalar_one()
