"""Valid events for notify; a test names only what it cares about."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any, TypeVar
from uuid import UUID, uuid4

from sqlalchemy import text

from contracts import events
from contracts.crockford import new_pass_number, new_reference
from contracts.envelope import Received
from contracts.events import Event
from contracts.model import Contact, Language, Person, Slot
from contracts.rpc.call import Principal
from services.chassis.db.database import Database
from services.chassis.runtime.clock import IST, monotonic, now
from services.chassis.runtime.time_words import short_time, time_of_day
from services.notify.adapters.channels import (
    Outgoing,
    PermanentChannelError,
    Receipt,
    TemporaryChannelError,
)
from services.notify.domain import templates
from services.notify.domain.messages import Lane
from services.notify.handlers.deliveries import EVERY_LANE, Channels, ReportServices, Sender
from services.notify.handlers.leases import Settled
from services.notify.settings import SenderSettings
from tests.support.factories.envelopes import example, received
from tests.support.stack.settings import make_settings

E = TypeVar("E", bound=Event)

MOBILE = "+919876543210"
OTHER_MOBILE = "+919812345678"
OPTIONS = make_settings(
    SenderSettings,
    sms_per_second=None,
    sender_lease=30,
    sender_batch=20,
    retry_delays=(1, 5, 30, 300),
    attempts=8,
    chain_code=(),
    chain_pass=(),
    chain_status=(),
    quiet_purposes=(),
)
"""Without chains, so that a message ends on its first channel."""
PUBLIC_URL = "https://epass.example"
LINK_CODE = "Zk3vQ9mT1xA7bC2dE5fG6h"
HARJIT = Contact(name="Harjit Singh", mobile=MOBILE)
"""Who has the login PWD-0007."""

APPLICANT = Principal(kind="applicant", id="applicant", mobile=MOBILE)
RECEPTION = Principal(kind="staff", id="REC-0001", login_id="REC-0001", role="reception", site="PCS1")
DEPARTMENT = Principal(kind="staff", id="DEP-0001", login_id="DEP-0001", role="department", department="home")


def otp(
    *, mobile: str = MOBILE, code: str = "482917", language: Language = "pa", minutes: float = 10
) -> Received[events.OtpRequested]:
    """A code that is good for so many minutes from now."""
    event = events.OtpRequested(
        request_id=uuid4(), language=language, personal=events.OtpContact(mobile=mobile, code=code)
    )
    return received(event, expires_at=now() + timedelta(minutes=minutes))


def login(**changes: Any) -> events.LoginIssued:
    return example(events.LoginIssued, **{"personal": HARJIT, **changes})


def access_changed(**changes: Any) -> events.AccessChanged:
    return example(events.AccessChanged, **{"language": "en", "personal": HARJIT, **changes})


@dataclass(frozen=True)
class Visit:
    """One application, from which all events about it are made."""

    application_id: UUID = field(default_factory=uuid4)
    reference: str = field(default_factory=new_reference)
    number: str = field(default_factory=new_pass_number)
    language: Language = "pa"
    deliver_by: str = "sms"
    mobile: str | None = MOBILE
    email: str | None = None

    @property
    def person(self) -> Person:
        return Person(name="ਗੁਰਪ੍ਰੀਤ ਕੌਰ", name_latin="Gurpreet Kaur", mobile=self.mobile, email=self.email)

    @property
    def contact(self) -> Contact:
        return Contact(name="ਗੁਰਪ੍ਰੀਤ ਕੌਰ", mobile=self.mobile, email=self.email)

    @property
    def slot(self) -> Slot:
        return events.PassIssued.sample().slot

    @property
    def about(self) -> dict[str, Any]:
        """What the events about it have in common, or some of it."""
        return {
            "application_id": self.application_id,
            "reference": self.reference,
            "pass_number": self.number,
            "review_id": uuid4(),
            "language": self.language,
            "deliver_by": self.deliver_by,
            "personal": self.contact,
        }

    def _example(self, kind: type[E], **members: Any) -> E:
        return example(kind, **{**self.about, **members})

    def submitted(self, *, proved: bool = True) -> events.ApplicationSubmitted:
        personal = events.ApplicationPersonal(applicant=self.person, purpose="Licence")
        return self._example(events.ApplicationSubmitted, personal=personal, mobile_proved=proved)

    def cancelled(self) -> events.ApplicationCancelled:
        return self._example(events.ApplicationCancelled)

    def expired(self) -> events.ApplicationExpired:
        return self._example(events.ApplicationExpired)

    def mobile_changed(self, to: str = OTHER_MOBILE) -> events.MobileChanged:
        numbers = events.MobileNumbers(mobile=to, before=self.mobile)
        return self._example(events.MobileChanged, changed_by="applicant", personal=numbers)

    def rejected(self, reason: str = "officer_unavailable") -> events.PassRejected:
        personal = events.DecisionPersonal(contact=self.contact, note="Come next week")
        return self._example(events.PassRejected, reason=reason, personal=personal)

    def returned(self, note: str = "Please name the officer") -> events.PassReturned:
        personal = events.DecisionPersonal(contact=self.contact, note=note)
        return self._example(events.PassReturned, personal=personal)

    def day_closed(
        self, note: str = "The Secretary is called away", *, remaining_days: tuple[date, ...] = ()
    ) -> events.VisitDayClosed:
        personal = events.DecisionPersonal(contact=self.contact, note=note)
        return self._example(events.VisitDayClosed, remaining_days=remaining_days, personal=personal)

    def day_reopened(self) -> events.VisitDayReopened:
        return self._example(events.VisitDayReopened, personal=events.DecisionPersonal(contact=self.contact))

    def issued(
        self, *, number: str | None = None, valid_for: timedelta = timedelta(days=1), **changes: Any
    ) -> events.PassIssued:
        facts: dict[str, Any] = {
            "pass_number": number or self.number,
            "party": 1,
            "valid_from": now(),
            "valid_to": now() + valid_for,
            "personal": events.PassPersonal(applicant=self.person, link_code=LINK_CODE),
        }
        return self._example(events.PassIssued, **{**facts, **changes})

    def revoked(
        self, *, number: str | None = None, reason: str = "withdrawn", replaced: bool = False
    ) -> events.PassRevoked:
        facts = {"pass_number": number or self.number, "reason": reason, "replaced": replaced}
        personal = events.RevocationPersonal(**self.contact.model_dump())
        valid_to = now() + timedelta(days=1)
        return self._example(events.PassRevoked, **facts, valid_to=valid_to, personal=personal)

    def escalated(self, duty: Contact | None = None) -> events.ReviewEscalated:
        personal = events.EscalationContact(contact=duty or Contact(name="Duty officer", mobile=OTHER_MOBILE))
        since = datetime.fromisoformat("2026-11-30T04:00:00+00:00")
        return self._example(events.ReviewEscalated, language=None, waiting_since=since, personal=personal)

    def erased(self) -> events.PersonalDataErased:
        return self._example(events.PersonalDataErased)


class Clock:
    """A clock that can be put forward, and what is due by the database's clock with it."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.ahead = timedelta(0)
        self._passed = 0.0

    def __call__(self) -> datetime:
        return now() + self.ahead

    def monotonic(self) -> float:
        return monotonic() + self._passed

    def set_back(self, seconds: float) -> None:
        """Set the wall clock alone."""
        self.ahead -= timedelta(seconds=seconds)

    def forward(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)
        self._passed += seconds
        with self._db.transaction() as session:
            session.execute(
                text(
                    "update messages set due_at = due_at - make_interval(secs => :seconds), "
                    "next_at = next_at - make_interval(secs => :seconds), "
                    "tried_at = tried_at - make_interval(secs => :seconds), "
                    "created_at = created_at - make_interval(secs => :seconds), "
                    "expires_at = expires_at - make_interval(secs => :seconds)"
                ),
                {"seconds": seconds},
            )
            session.execute(
                text("update status_polls set ask_at = ask_at - make_interval(secs => :seconds)"),
                {"seconds": seconds},
            )


class SteppedSender(Sender):
    """A sender without threads, which a test moves on batch by batch; breakers wait by the test's clock."""

    def __init__(
        self,
        database: Database,
        channels: Channels,
        options: SenderSettings,
        stop: threading.Event,
        clock: Callable[[], datetime] = now,
        reports: ReportServices = MappingProxyType({}),
    ) -> None:
        waiting = clock.monotonic if isinstance(clock, Clock) else monotonic
        super().__init__(database, channels, options, stop, clock, reports, waiting)

    def send_due(
        self, lanes: Sequence[Lane] = EVERY_LANE, limit: int = OPTIONS.sender_batch
    ) -> list[Settled]:
        """Send what is due in the first lane that has due messages, of one vendor.

        Returns:
            The messages with their outcomes; an empty list if nothing is due.
        """
        for lane in lanes:
            for provider in self.providers.values():
                if leased := self.lease((lane,), limit, provider):
                    return self.send(leased)
        return []


class RecordingChannel:
    """A channel that records each message, and fails as often as it was given faults."""

    name = "recording"
    gives_receipts = False

    def __init__(self, *faults: TemporaryChannelError | PermanentChannelError) -> None:
        self.sent: list[Outgoing] = []
        self.faults = list(faults)

    def send(self, message: Outgoing) -> Receipt:
        self.sent.append(message)
        if self.faults:
            raise self.faults.pop(0)
        return Receipt(f"vendor-{len(self.sent)}")

    @property
    def everywhere(self) -> Mapping[str, "RecordingChannel"]:
        """It serves every channel."""
        return {"sms": self, "whatsapp": self, "email": self}


SAMPLE = {
    "code": "482917",
    "login_id": "PWD-0007",
    "by": "ADO-0001",
    "reference": "PCS-7K3M-9QW4",
    "department": "Home",
    "url": "https://epass.punjab.gov.in/pa/s/PCS-7K3M-9QW4",
    "number": "7K3M9QW4",
    "date": "01-12-2026",
    "gate": "Gate 1 (main)",
    "room": "402",
    "link": "https://epass.punjab.gov.in/p/Zk3vQ9mT1xA7bC2dE5fG6h",
}


def sample(language: Language) -> dict[str, str]:
    return {
        **SAMPLE,
        "until": short_time(time(14, 35), language),
        "start": time_of_day(time(18), language),
        "end": time_of_day(time(23, 59), language),
        "since": templates.moment(datetime(2026, 11, 30, 9, 30, tzinfo=IST), language),
        "site": templates.site("PCS1", {}, language),
        "reason": templates.reason("officer_unavailable", language),
        "documents": templates.documents("driving_licence", language),
        "what": templates.reason("password_reset", language, "access"),
        "days": templates.days([date(2026, 11, 27), date(2026, 11, 28), date(2026, 12, 1)], language),
    }


PUBLIC: dict[str, Any] = {"local_mode": False, "public_url": "https://epass.example"}
